"""The small policy in one call: stages that are done are not done again."""

from __future__ import annotations

import csv
import shutil

import pytest

from policy.vla.checkpoint import check_folder
from refine.build_small import DONE, BuildConfig, BuildProgress, build_small_policy
from refine.data.dagger import DaggerConfig
from refine.data.samples import write_shard
from refine.errors import RefineError
from refine.train.small_sft import TrainingStep
from refine.train.small_state import STATE_FILE, has_state
from tests.refine.train.lane_samples import FAST, lane_samples

CONFIG = BuildConfig(training=FAST.model_copy(update={"steps": 6, "save_every": 2}), dagger=DaggerConfig(rounds=0))


@pytest.fixture
def collected(tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    write_shard(folder / "shard_a.npz", lane_samples(40))
    (folder / DONE).touch()
    return tmp_path


def test_a_build_goes_on_after_the_stages_that_are_done(collected):
    stages = []
    policy = build_small_policy(collected, CONFIG, lambda progress: stages.append(progress.stage))
    assert check_folder(policy) == collected / "policy_0"
    assert set(stages) == {"train"}
    weights = (policy / "model.safetensors").stat()
    stages.clear()
    assert build_small_policy(collected, CONFIG, lambda progress: stages.append(progress.stage)) == policy
    assert stages == []
    assert (policy / "model.safetensors").stat().st_mtime_ns == weights.st_mtime_ns


class KilledError(Exception):
    """Ends a build as a kill would, without the program's help."""


def test_an_interrupted_training_goes_on_to_the_same_weights(collected, tmp_path_factory):
    whole = build_small_policy(copied(collected, tmp_path_factory.mktemp("whole")), CONFIG)

    def kill(progress: BuildProgress) -> None:
        if isinstance(progress.detail, TrainingStep) and progress.detail.step == 5:
            raise KilledError

    with pytest.raises(KilledError):
        build_small_policy(collected, CONFIG, kill)
    steps = []

    def count(progress: BuildProgress) -> None:
        if isinstance(progress.detail, TrainingStep):
            steps.append(progress.detail.step)

    policy = build_small_policy(collected, CONFIG, count)
    assert steps == [5, 6]  # the state was last saved after the fourth
    assert (policy / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not has_state(policy)


def test_a_state_that_is_no_state_is_named(collected):
    policy = build_small_policy(collected, CONFIG)
    (policy / DONE).unlink()
    (policy / STATE_FILE).write_bytes(b"no state")
    with pytest.raises(RefineError, match=f"{STATE_FILE} does not fit this training.*begin anew"):
        build_small_policy(collected, CONFIG)


def test_the_course_of_a_training_is_written_down(collected):
    policy = build_small_policy(
        collected, CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"held_out": 0.2})})
    )
    with policy.with_name(f"{policy.name}.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["step"]) for row in rows] == [6]
    assert 0.0 < float(rows[0]["loss"]) < 50.0
    assert float(rows[0]["ade_m"]) >= 0.0


def copied(folder, target):
    shutil.copytree(folder, target, dirs_exist_ok=True)
    return target
