"""Recorded sessions become a data set of pairs, and everything left out is counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import load_from_disk

from policy.vla.answer import parse_answer
from policy.vla.checkpoint import CheckpointError
from policy.vla.codebook import Codebook
from policy.vla.observation import messages
from recorder.reading.reader import RecordingError, segment_paths
from recorder.schema import EventKind, TickEvent
from refine.data.pairs import build_pairs, read_card
from refine.data.preference import PairConfig
from refine.errors import RefineError
from tests.refine.data.takeover_sessions import (
    CAMERA,
    HORIZON,
    SPEED_MPS,
    STEP_S,
    braking_drive,
    picture,
    record,
    straight_on,
    tiny_policy,
    with_event,
)

TAKEOVER, BACK = 60, 160


@pytest.fixture(scope="module")
def policy(tmp_path_factory) -> Path:
    return tiny_policy(tmp_path_factory.mktemp("policy") / "tiny")


@pytest.fixture(scope="module")
def codebook(policy) -> Codebook:
    return Codebook.load(policy)


@pytest.fixture(scope="module")
def session(tmp_path_factory, codebook) -> Path:
    return record(tmp_path_factory.mktemp("recorded") / "s", braking_drive(codebook, TAKEOVER, BACK))


@pytest.fixture(scope="module")
def built(tmp_path_factory, session, policy):
    out = tmp_path_factory.mktemp("pairs") / "p"
    return build_pairs([session], policy, out), load_from_disk(str(out)), out


def test_pairs_begin_just_before_the_takeover_and_end_with_the_persons_driving(built):
    _, rows, _ = built
    assert rows["frame"][0] == TAKEOVER - 1 - 11  # the first even frame of whose next 60 ticks the person drives 80 %
    assert rows["frame"][-1] <= BACK - 1 - 48
    assert min(np.diff(rows["time_s"])) >= 0.25 - 1e-6
    assert rows["since_takeover_s"][0] == pytest.approx(-0.6)


def test_every_decision_step_is_a_pair_or_counted_as_skipped(built):
    summary, rows, _ = built
    assert summary.pairs == len(rows) > 5
    assert summary.decision_steps == summary.pairs + sum(summary.skipped.values())
    assert summary.ordinary_pairs == 0  # 3 s of driving before the takeover are not calm enough
    assert set(rows["kind"]) == {"takeover"}
    assert set(summary.skipped) == {"not_taken_over", "too_soon"}
    assert (summary.by_driver, summary.by_note) == ({"expert": len(rows)}, {"Collision ahead.": len(rows)})


def test_a_pair_prefers_what_was_driven_over_what_the_policy_said(built, codebook):
    _, rows, _ = built
    row = next(row for row in rows if row["frame"] == TAKEOVER - 1 - 11 + 12)
    assert row["rejected"][0]["content"][0]["text"] == straight_on(codebook, 60, SPEED_MPS).text
    answer = parse_answer(row["chosen"][0]["content"][0]["text"], HORIZON)
    assert answer.speed == "STOP"
    assert list(answer.tokens) == row["chosen_tokens"]
    driven = np.array(row["driven_trajectory"])
    assert driven[-1, 0] == pytest.approx(8.0 - 2 * 0.0, abs=0.6)  # 8 m to a stand
    assert np.abs(codebook.decode(answer.tokens)[:, 0] - driven[:, 0]).max() < 0.5
    assert row["rejected_trajectory"][-1][0] == pytest.approx(24.0, abs=0.5)


def test_a_row_is_the_question_the_policy_was_asked_with_its_picture(built):
    _, rows, _ = built
    row = rows[0]
    (part, words) = row["prompt"][0]["content"]
    assert part["type"] == "image"
    assert messages(words["text"])[0]["role"] == row["prompt"][0]["role"] == "user"
    assert words["text"] == "Speed 8.0 m/s, limit 50. Route: follow lane."
    (image,) = row["images"]
    assert image.size == (CAMERA.width, CAMERA.height)
    assert np.abs(np.asarray(image).astype(int) - picture(True, row["frame"])).mean() < 8  # but for JPEG


def test_a_row_says_where_it_came_from(built):
    _, rows, _ = built
    row = rows[0]
    assert (row["session"], row["session_folder"], row["segment"]) == ("s1", "s", "0001")
    assert (row["driver"], row["reason"], row["note"]) == ("expert", "override_button", "Collision ahead.")
    assert row["time_s"] == pytest.approx(row["frame"] * STEP_S)
    assert (row["command"], row["speed_mps"]) == ("lane_follow", pytest.approx(SPEED_MPS))


def test_the_card_beside_the_data_tells_the_counts(built):
    summary, _, out = built
    assert read_card(out) == summary
    assert f"| pairs | {summary.pairs} |" in (out / "README.md").read_text()
    assert json.loads((out / "pairs.json").read_text())["policy"] == "tiny"


def test_progress_counts_segments(session, policy, tmp_path):
    reports = []
    build_pairs([session, session], policy, tmp_path / "p", on_progress=lambda done, all_: reports.append((done, all_)))
    assert reports == [(1, 2), (2, 2)]


def test_a_frame_in_two_segments_is_one_pair(codebook, policy, tmp_path):
    # The second takeover follows 3.5 s after the first was handed back: its segment's past is the first's end.
    first = list(braking_drive(codebook, 60, 130, last=200))
    second = [tick for tick in braking_drive(codebook, 200, 300, last=380) if tick.frame >= 200]
    session = record(tmp_path / "s", first + second)
    assert len(segment_paths(session)) == 2
    summary = build_pairs([session], policy, tmp_path / "p")
    rows = load_from_disk(str(tmp_path / "p"))
    assert summary.skipped["duplicate"] > 0
    assert len(set(rows["frame"])) == len(rows)
    assert set(rows["segment"]) == {"0001", "0002"}


def test_the_drive_into_a_collision_is_left_out(codebook, policy, tmp_path):
    hit = TickEvent(EventKind.COLLISION, "vehicle", 7, 900.0)
    ticks = [with_event(t, hit) if t.frame == 90 else t for t in braking_drive(codebook, TAKEOVER, BACK)]
    summary = build_pairs([record(tmp_path / "s", ticks)], policy, tmp_path / "p")
    frames = load_from_disk(str(tmp_path / "p"))["frame"]
    assert summary.skipped["collision"] > 0
    assert min(frames) >= 90


def test_a_broken_segment_is_counted_and_the_others_are_used(session, codebook, policy, tmp_path):
    broken = Path(shutil.copytree(session, tmp_path / "broken"))
    (segment_paths(broken)[0] / "zarr.json").write_text("{")
    summary = build_pairs([broken, session], policy, tmp_path / "p")
    assert (summary.segments, summary.unreadable_segments) == (1, 1)
    assert summary.pairs > 5


def test_sessions_without_a_usable_takeover_are_refused_with_a_reason(codebook, policy, tmp_path):
    short = record(tmp_path / "s", braking_drive(codebook, 60, 70))
    with pytest.raises(RefineError, match=r"no pair can be made from 1 segment.*not taken over"):
        build_pairs([short], policy, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_wrong_folders_are_reported_in_words(session, policy, tmp_path):
    with pytest.raises(RecordingError, match="no recorded session"):
        build_pairs([tmp_path], policy, tmp_path / "p")
    with pytest.raises(CheckpointError, match="does not exist"):
        build_pairs([session], tmp_path / "nothing", tmp_path / "p")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("")
    with pytest.raises(RefineError, match="new folder"):
        build_pairs([session], policy, tmp_path / "used")
    with pytest.raises(RefineError, match="no folder of pairs"):
        read_card(tmp_path)


def test_pairs_can_be_rarer(session, policy, tmp_path, built):
    fewer = build_pairs([session], policy, tmp_path / "p", config=PairConfig(gap_s=1.0))
    assert 0 < fewer.pairs < built[0].pairs


def test_driving_that_needed_nobody_is_preferred_over_the_takeovers_braking(codebook, policy, tmp_path):
    session = record(tmp_path / "s", braking_drive(codebook, 120, 220, last=300))
    summary = build_pairs([session], policy, tmp_path / "p")
    rows = [row for row in load_from_disk(str(tmp_path / "p")) if row["kind"] == "ordinary"]
    # The segment begins 5 s before frame 120; 3 s of horizon and a calm second leave frames 20 to 39.
    assert [row["frame"] for row in rows] == [20, 26, 32, 38]
    assert summary.ordinary_pairs == len(rows)
    for row in rows:
        assert row["chosen"][0]["content"][0]["text"] == straight_on(codebook, row["frame"], SPEED_MPS).text
        assert parse_answer(row["rejected"][0]["content"][0]["text"], HORIZON).speed == "STOP"
        assert (row["driver"], row["reason"], row["human_share"]) == ("policy", "", 0.0)
        assert row["displacement_m"] > 1.0
    assert build_pairs([session], policy, tmp_path / "q", config=PairConfig(ordinary_share=0)).ordinary_pairs == 0


def test_ordinary_driving_comes_from_the_whole_session_where_it_was_recorded(codebook, policy, tmp_path):
    session = record(tmp_path / "s", braking_drive(codebook, 300, 400, last=480), whole_session=True)
    config = PairConfig(ordinary_share=0.5)
    summary = build_pairs([session], policy, tmp_path / "p", config=config)
    frames = [row["frame"] for row in load_from_disk(str(tmp_path / "p")) if row["kind"] == "ordinary"]
    assert len(frames) == summary.ordinary_pairs == summary.pairs / 2
    assert min(frames) < 60
    assert max(frames) > 180
