"""The report of recorded takeovers: its contents, that it needs no network, that its pictures are not blank."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cockpit.rig.camera_spec import CameraSpec
from policy.vla.codebook import Codebook
from recorder.schema import CameraFrame, Pose
from refine.data.pairs import build_pairs
from refine.errors import RefineError
from refine.evaluate.metrics import DriveSums, Infraction, score
from refine.evaluate.results import Evaluation, PolicyRef, Run, TakeoverPlace
from refine.report.film import draw_paths, films_of, ribbon
from refine.report.report import read_training, tiles, verdict, write_report
from tests.refine.data.takeover_sessions import braking_drive, record, tiny_policy


def run_of(policy: str, group: str, route: str, takeovers: int, infractions=None) -> Run:
    track = [(float(x), 3.0 * (x > 40), not 20 < x < 60) for x in range(0, 100, 2)]
    places = [TakeoverPlace(2.0, 20.0, 0.0, "About to hit the standing car ahead.")] * takeovers
    sums = DriveSums(100.0, 100.0, 100.0, 20.0, 0.0, 0.0, 60.0, takeovers, infractions or {})
    line = [(float(x), 0.0) for x in range(0, 101, 2)]
    return Run(policy, group, route, 0, "route_done", sums, score(sums, is_done=True), track, line, places, 3.0)


def evaluation_of(before: int, after: int, **changes) -> Evaluation:
    """Two policies on a training route and another one, with so many takeovers on each."""
    runs = [run_of("before", group, f"{group}_1", before) for group in ("train", "other")]
    runs += [run_of("after", group, f"{group}_1", after) for group in ("train", "other")]
    policies = [PolicyRef("before", "assets/policies/small", "0" * 64), PolicyRef("after", "runs/policy", "f" * 64)]
    whole = Evaluation(
        "2026-01-05T10:00:00+00:00", True, "Millbrook", 20, [0], policies, runs, {"torch": "2.13.0"}, "takeover round"
    )
    return dataclasses.replace(whole, **changes)


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Path:
    """One takeover by the expert, recorded by the real recorder."""
    return record(tmp_path_factory.mktemp("recorded") / "session", braking_drive(Codebook.town()))


@pytest.fixture(scope="module")
def pairs(session, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    build_pairs([session], tiny_policy(folder / "policy"), folder / "pairs")
    return folder / "pairs"


@pytest.fixture(scope="module")
def training_log(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("adapter") / "training.jsonl"
    steps = [{"step": i + 1, "loss": 2.0 / (i + 1), "margin": 0.1 * i, "accuracy": min(i / 10, 1)} for i in range(20)]
    path.write_text("".join(json.dumps(step) + "\n" for step in steps))
    return path


@pytest.fixture(scope="module")
def page(session, pairs, training_log, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("report") / "deep" / "report.html"
    given = evaluation_of(3, 1)
    assert out == write_report(
        out, given, title="One round", sessions=[session], pairs_folder=pairs, training_log=training_log.parent
    )
    return out.read_text(encoding="utf-8")


def pictures(page: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_the_page_needs_nothing_from_outside(page):
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "http" not in re.sub(r"base64,[^\"]+", "", page)
    assert "<script" not in page


def test_it_tells_numbers_before_and_after_for_each_set_of_routes(page):
    assert "Training routes" in page
    assert "Other routes" in page
    assert re.search(r'class="was">30.0 →</span> <span class="good">10.0', page)


def test_it_shows_the_takeover_from_two_seconds_before_to_two_after(page):
    found = pictures(page)
    # Five pictures of the strip, and the decision with both trajectories.
    assert [picture.width for picture in found] == [448] * 5 + [896]
    for label in ("-2 s", "-1 s", "+0 s", "+1 s", "+2 s"):
        assert f">{label}<" in page
    assert "Collision ahead." in page


def test_it_says_what_was_rejected_and_what_was_chosen(page):
    assert "FOLLOW_LANE, Speed: KEEP" in page
    assert re.search(r"Speed: (STOP|DECELERATE)", page)


def test_it_names_what_was_run(page):
    for text in ("takeover round", "torch 2.13.0", "sha256 ffffffffffffffff", "Millbrook", "20 steps of DPO"):
        assert text in page


def test_plots_are_svg_without_fonts_from_outside(page):
    plots = [base64.b64decode(data) for data in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)]
    assert len(plots) == 3  # a map for each set of routes, and the training
    assert all(b"</svg>" in plot for plot in plots)


def test_fewer_takeovers_are_called_so_and_more_are_not_hidden():
    better = " ".join(verdict(evaluation_of(3, 1), "before", "after"))
    assert "fewer takeovers: 10.0 per km, where it had been 30.0" in better
    assert "did not help" not in better
    worse = " ".join(verdict(evaluation_of(1, 3), "before", "after"))
    assert "more takeovers" in worse
    assert worse.count("The retraining did not help here.") == 2
    same = " ".join(verdict(evaluation_of(2, 2), "before", "after"))
    assert "as many takeovers" in same
    assert "did not help" in same


def test_the_text_says_that_few_drives_prove_little():
    assert any("no evidence" in sentence for sentence in verdict(evaluation_of(3, 1), "before", "after"))


def test_without_a_driver_the_driving_score_is_what_counts():
    alone = evaluation_of(0, 0, supervised=False)
    runs = [run_of("before", "train", "train_1", 0, {Infraction.VEHICLE: 1}), *alone.runs[1:]]
    alone = dataclasses.replace(alone, runs=runs)
    assert "driving score went up, from 60.0 to 100.0 (+40.0" in verdict(alone, "before", "after")[0]
    assert "takeovers per km" not in {tile.name for tile in tiles(alone, "train", "before", "after")}


def test_a_worse_number_is_shown_as_worse():
    found = {tile.name: tile for tile in tiles(evaluation_of(1, 3), "train", "before", "after")}
    assert found["takeovers per km"].tone == "bad"
    assert found["route completion"].tone == ""


def test_one_policy_alone_makes_a_report_too(tmp_path):
    given = evaluation_of(2, 1)
    alone = dataclasses.replace(given, policies=given.policies[:1], runs=given.of("before"))
    text = write_report(tmp_path / "r.html", alone).read_text()
    assert "before drove 0.20 km" in text
    assert "→</span>" not in text


def test_it_refuses_policies_that_did_not_drive_and_invalid_logs(tmp_path):
    with pytest.raises(RefineError, match="no policy named later"):
        write_report(tmp_path / "r.html", evaluation_of(1, 1), after="later")
    (tmp_path / "training.jsonl").write_text("no json\n")
    with pytest.raises(RefineError, match="no training log"):
        read_training(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RefineError, match="cannot be written"):
        write_report(tmp_path / "file" / "r.html", evaluation_of(1, 1))


def test_texts_from_recordings_cannot_become_markup(tmp_path):
    given = evaluation_of(1, 1, command="<script>alert(1)</script>")
    assert "<script" not in write_report(tmp_path / "r.html", given).read_text()


def test_films_are_as_many_as_asked_for_and_broken_segments_are_left_out(session, tmp_path):
    copies = [record(tmp_path / f"s{number}", braking_drive(Codebook.town())) for number in range(2)]
    assert len(films_of([session, *copies], limit=2)) == 2
    broken = next((copies[0] / "segments").glob("*.zarr"))
    (broken / "zarr.json").write_text("{}")
    assert len(films_of(copies)) == 1


def test_who_drove_is_shown_picture_by_picture(session):
    frames = films_of([session])[0].frames
    assert [frame.who for frame in frames] == ["policy", "policy", "driver", "driver", "driver"]
    assert frames[-1].speed_mps < frames[0].speed_mps


def test_without_pairs_the_plan_and_the_drive_stand_in(session):
    decision = films_of([session])[0].decision
    assert decision is not None
    assert decision.rejected_text == "FOLLOW_LANE, KEEP"
    assert decision.displacement_m > 1.0


CAMERA = CameraSpec("front", 224, 112, np.radians(100.0), Pose(x=1.2, z=1.6))


def test_a_path_straight_ahead_is_drawn_in_the_middle_and_below_the_horizon():
    quads = np.array(ribbon(np.array([[8.0 * t, 0.0, 0.0] for t in range(1, 4)]), CAMERA))
    assert quads[..., 1].min() > 56.0
    assert (quads[:, :2, 0] < 112.0).all()  # left edge left of the middle
    assert (quads[:, 2:, 0] > 112.0).all()


def test_a_path_to_the_right_is_drawn_to_the_right():
    far = ribbon(np.array([[5.0, 0.5, 0.2], [10.0, 2.0, 0.4], [14.0, 4.5, 0.6]]), CAMERA)[-1]
    assert far[:, 0].mean() > 130.0


def test_a_plan_to_stand_draws_nothing():
    assert ribbon(np.zeros((6, 3)), CAMERA) == []
    frame = CameraFrame("front", 0, np.full((112, 224, 3), 90, np.uint8), np.radians(100.0), CAMERA.pose)
    picture = draw_paths(frame, [(np.zeros((6, 3)), "#ff0000")], width_px=224)
    np.testing.assert_array_equal(np.asarray(picture), frame.image)
