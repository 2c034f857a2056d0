"""The policy in its own process, with a real (tiny, untrained) model in a real process."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from policy.serving.process import PolicyProcess, PolicyProcessError
from policy.vla.checkpoint import CheckpointError
from policy.vla.codebook import Codebook
from policy.vla.small import SmallConfig, make_checkpoint
from recorder.schema import CameraFrame, Pose, Tick
from tests.policy.expert.expert_world import World, arc_route

TINY = SmallConfig(
    hidden=32,
    heads=2,
    key_value_heads=1,
    text_layers=1,
    text_mlp=32,
    vision_hidden=32,
    vision_heads=2,
    vision_layers=1,
    vision_mlp=32,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    return make_checkpoint(tmp_path_factory.mktemp("tiny"), codebook=Codebook.town(size=24), size=TINY)


@pytest.fixture(scope="module")
def policy(folder):
    with PolicyProcess(folder, device="cpu") as process:
        process.wait_ready()
        yield process


def tick_with_picture(frame: int) -> Tick:
    tick = World(arc_route((50.0, 0.0))).tick()
    image = np.random.default_rng(frame).integers(0, 256, (96, 192, 3), np.uint8)
    camera = CameraFrame("front", frame, image, 1.7, Pose(x=1.2, z=1.6))
    return dataclasses.replace(tick, frame=frame, time_s=frame * 0.05, cameras={"front": camera})


def test_a_plan_carries_the_frame_it_was_made_from(policy):
    policy.offer(tick_with_picture(101))
    plan = policy.wait(101, 60.0)
    assert plan is not None
    assert (plan.frame, plan.time_s) == (101, 101 * 0.05)
    assert plan.trajectory_ego.shape == (6, 3)
    assert plan.prompt.startswith("Speed 8.0 m/s")
    assert policy.newest_plan() == plan


@pytest.mark.parametrize(("frame", "time_s"), [(150, 0.05), (170, 900.0)], ids=["set back", "ahead"])
def test_of_a_new_drive_whose_clock_has_jumped_its_own_frames_are_answered(policy, frame, time_s):
    policy.offer(tick_with_picture(frame))
    assert policy.wait(frame, 60.0) is not None
    policy.offer(dataclasses.replace(tick_with_picture(frame + 10), time_s=time_s))
    plan = policy.wait(frame + 10, 60.0)
    assert plan is not None
    assert (plan.frame, plan.time_s) == (frame + 10, time_s)


def test_of_many_frames_offered_at_once_the_newest_is_answered_and_most_are_dropped(policy):
    answered = set()
    for frame in range(200, 260):
        policy.offer(tick_with_picture(frame))
        plan = policy.newest_plan()
        if plan is not None and plan.frame >= 200:
            answered.add(plan.frame)
    assert policy.wait(259, 60.0).frame == 259
    assert len(answered) < 55
    assert policy.status().alive


def test_waiting_for_a_frame_never_offered_ends_with_nothing(policy):
    assert policy.wait(10**9, 0.05) is None


def test_a_tick_without_the_policys_camera_is_refused(policy):
    policy.offer(dataclasses.replace(tick_with_picture(300), cameras={}))
    status = policy.status()
    assert status.alive
    assert "no picture of camera 'front'" in status.message


def test_a_folder_without_weights_is_refused_before_any_process_starts(folder, tmp_path):
    copy = tmp_path / "half"
    shutil.copytree(folder, copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"half.*weights"):
        PolicyProcess(copy)


def test_a_model_that_cannot_be_loaded_says_why(folder, tmp_path):
    copy = tmp_path / "broken"
    shutil.copytree(folder, copy)
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match=r"weights in policy folder .* cannot be read"):
        PolicyProcess(copy, device="cpu")
    (copy / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with PolicyProcess(copy, device="cpu") as process:
        with pytest.raises(PolicyProcessError, match="the policy did not start"):
            process.wait_ready()
        assert not process.status().alive


def test_closing_ends_the_process_and_may_be_done_twice(folder):
    process = PolicyProcess(folder, device="cpu")
    pid = process.pid
    process.close()
    process.close()
    assert not process.status().alive
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
