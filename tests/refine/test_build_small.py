"""The small policy in one call: stages that are done are not done again."""

from __future__ import annotations

import pytest

from policy.vla.checkpoint import check_folder
from refine.build_small import DONE, BuildConfig, DaggerConfig, RoundsConfig, build_small_policy
from refine.data.samples import write_shard
from tests.refine.train.lane_samples import FAST, lane_samples

CONFIG = BuildConfig(
    training=FAST.model_copy(update={"steps": 3}), dagger=DaggerConfig(rounds=0), rounds=RoundsConfig(rounds=0)
)


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


def test_an_interrupted_training_is_done_again(collected):
    policy = build_small_policy(collected, CONFIG)
    (policy / DONE).unlink()
    stages = []
    build_small_policy(collected, CONFIG, lambda progress: stages.append(progress.stage))
    assert len(stages) == CONFIG.training.steps
