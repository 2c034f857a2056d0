"""Studies: codes instead of names, balanced orders, one file for the window and the command line."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import main as cli
from app.cli.study import given as study_given
from app.config import DriverChoice, RunConfig
from app.drive.running_session import build_session
from app.study.counterbalance import Ordering, latin_square, order_for, williams_square
from app.study.pseudonym import participant_number, pseudonym_problem
from app.study.study import (
    ABORTED,
    Condition,
    DriveChanges,
    Study,
    is_done,
    is_study_file,
    load_study,
    next_trial,
    read_trial,
    save_study,
    study_text,
    write_trial,
)
from cockpit.assets import asset
from cockpit.config import ConfigError
from recorder.session_log import EntryKind, SessionLog


def three(**changes) -> Study:
    conditions = tuple(
        Condition(name=name, drive=DriveChanges(traffic=number)) for number, name in enumerate(("a", "b", "c"))
    )
    return Study(**({"study": "s", "participant": "p01", "consent": True, "conditions": conditions} | changes))


@pytest.mark.parametrize("code", ["p07", "P-12", "sub-01", "vp_3", "S1-02", "7", "id12b", "pilot1", "Xk31"])
def test_codes_stand_for_participants(code):
    assert pseudonym_problem(code) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing"),
        ("anna", "looks like a name"),
        ("anna07", "looks like a name"),
        ("Jane Doe", "is no code"),
        ("j.doe@example.org", "e-mail"),
        ("Müller1", "is no code"),
        ("1987-05-12", "date"),
        ("12-5-87", "date"),
        ("01761234567", "telephone"),
        ("vp", "no number"),
        ("p" + "1" * 20, "is no code"),
    ],
)
def test_codes_that_could_identify_a_person_are_refused(text, message):
    assert message in pseudonym_problem(text)
    if text:
        with pytest.raises(ValidationError):
            Study(study="s", participant=text)


def test_the_number_in_a_code_deals_the_row():
    assert [participant_number(code) for code in ("p07", "S1-02", "12")] == [7, 2, 12]


@given(st.integers(1, 12))
def test_every_condition_stands_equally_often_in_every_place(count):
    for square in (williams_square(count), latin_square(count)):
        assert all(sorted(row) == list(range(count)) for row in square)
        for column in zip(*square, strict=True):
            assert set(Counter(column).values()) == {len(square) // count}


@given(st.integers(2, 12))
def test_in_a_williams_square_every_condition_follows_every_other_equally_often(count):
    square = williams_square(count)
    follows = Counter(pair for row in square for pair in itertools.pairwise(row))
    assert set(follows) == set(itertools.permutations(range(count), 2))
    assert len(set(follows.values())) == 1
    assert len(square) == (count if count % 2 == 0 else 2 * count)


def test_the_square_of_four_is_that_of_the_books():
    assert williams_square(4) == ((0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1))


def test_participants_are_dealt_the_rows_in_turn():
    rows = [order_for(Ordering.WILLIAMS, 4, number) for number in range(1, 9)]
    assert tuple(rows[:4]) == williams_square(4)
    assert rows[:4] == rows[4:]
    assert order_for(Ordering.AS_LISTED, 3, 5) == (0, 1, 2)


def test_a_participants_trials_are_the_square_s_row_repeated():
    study = three(participant="p02", repetitions=2)
    names = [trial.condition.name for trial in study.trials()]
    assert names == ["b", "c", "a"] * 2
    assert [trial.number for trial in study.trials()] == [1, 2, 3, 4, 5, 6]
    assert study.trials()[0].config.traffic == 1
    assert study.trials()[0].config.driver_id == "p02"


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,10}", fullmatch=True)
changes = st.fixed_dictionaries(
    {},
    optional={
        "traffic": st.integers(0, 200),
        "weather": st.sampled_from(["ClearNoon", "WetNoon"]),
        "policy": st.none(),
    },
).map(lambda changed: DriveChanges(**changed))


@settings(max_examples=20)
@given(
    names,
    st.sampled_from(["", "p07", "sub-12"]),
    st.booleans(),
    st.sampled_from(Ordering),
    st.none() | st.integers(1, 20),
    st.lists(st.builds(Condition, name=names, drive=changes), min_size=1, max_size=4, unique_by=lambda item: item.name),
    st.integers(0, 99),
)
def test_a_study_s_file_reads_back_as_the_same_study(
    tmp_path_factory, name, participant, consent, order, row, items, seed
):
    drive = RunConfig(seed=seed, driver=DriverChoice.KEYBOARD)
    study = Study(
        study=name,
        participant=participant,
        consent=consent,
        ordering=order,
        order_row=row,
        conditions=tuple(items),
        drive=drive,
    )
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    save_study(study, path)
    assert load_study(path) == study
    assert study_text(load_study(path)) == study_text(study)
    assert is_study_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"study": "s", "particpant": "p01"}, "study.yaml:2: unknown key 'particpant'; did you mean 'participant'?"),
        ({"study": "s", "participant": "jane"}, "'jane' looks like a name"),
        ({"study": "s", "conditions": [{"name": "a", "drive": {"wether": "WetNoon"}}]}, "did you mean 'weather'?"),
        ({"study": "s", "conditions": [{"name": "a", "drive": {"traffic": -1}}]}, "'conditions.0.drive.traffic'"),
        ({"study": "s", "conditions": [{"name": "a"}, {"name": "a"}]}, "the name 'a' is used twice"),
        (
            {"study": "s", "conditions": [{"name": "a", "drive": {"route_id": "3"}}]},
            "'a' does not fit the drive: route_id",
        ),
        ({"study": "s", "drive": {"trafic": 3}}, "did you mean 'traffic'?"),
        ({"participant": "p01"}, "'study' is missing"),
    ],
)
def test_a_wrong_study_names_file_key_and_what_would_be_right(tmp_path, content, message):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(ConfigError) as caught:
        load_study(path)
    assert "study.yaml" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("path", sorted(asset("studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_study_can_be_driven(path):
    study = load_study(path)
    for trial in study.trials():
        trial.config.map_path()


def test_without_consent_or_code_nothing_is_driven(tmp_path):
    for study, message in ((three(consent=False), "has not consented"), (three(participant=""), "is missing")):
        trial = study.trials()[0]
        with pytest.raises(ConfigError, match=message):
            build_session(trial.config, trial)


def test_another_participant_must_consent_anew():
    assert study_given(three(), "p02").consent is False
    assert study_given(three(), "p02", consent=True).consent is True
    assert study_given(three(), None).consent is True


def test_the_next_trial_is_the_first_that_was_not_driven_to_its_end(tmp_path):
    study = three(drive=RunConfig(out=tmp_path))
    first, second, _ = study.trials()
    assert next_trial(study) == first
    _drive(first.folder, first, ABORTED)
    assert not is_done(first)
    again = first.folder.with_name(first.folder.name + "-2")
    _drive(again, first, "route completed")
    assert is_done(first)
    assert next_trial(study) == second
    label = read_trial(again)
    assert label is not None
    assert (label.study, label.participant, label.condition, label.trial, label.consent) == ("s", "p01", "a", 1, True)


def test_the_command_line_shows_orders_and_refuses_names(tmp_path):
    path = tmp_path / "study.yaml"
    save_study(three(), path)
    runner = CliRunner()
    shown = runner.invoke(cli.app, ["study", "order", str(path), "--participant", "p03"])
    assert [line.split()[1] for line in shown.stdout.splitlines()[1:]] == ["c", "a", "b"]
    refused = runner.invoke(cli.app, ["study", "order", str(path), "--participant", "Jane"])
    assert cli.exit_code(refused.exception) == 2
    assert "looks like a name" in str(refused.exception)
    made = runner.invoke(cli.app, ["study", "new", str(tmp_path / "mine.yaml")])
    assert made.exit_code == 0
    assert load_study(tmp_path / "mine.yaml").study == "handover"


def _drive(folder, trial, end):
    folder.mkdir(parents=True)
    write_trial(folder, trial.label())
    SessionLog(folder).add(EntryKind.END, end)
