"""What a policy is shown live and what its trainer reads from the recording are the same, byte for byte."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from policy.vla.checkpoint import CameraSettings, HistorySettings, PolicySettings
from policy.vla.observation import Observation, observation_at, prompt_of
from recorder.reading.reader import Segment, segment_paths
from recorder.schema import CameraFrame, EventKind, Pose, TickEvent
from refine.data.observations import recorded_observation
from tests.recorder.tick_strategies import drive
from tests.recorder.writing.test_segment_recorder import BACK, HUMAN, POLICY, record

CAMERAS = {"front": CameraSettings(width=64, height=32), "policy_left": CameraSettings(width=32, height=32)}
ONE_PICTURE = PolicySettings(cameras=CAMERAS)
FILM = PolicySettings(cameras=CAMERAS, history=HistorySettings(pictures=4, step_s=0.5, poses=3))


def noisy_drive():
    """A drive whose pictures and numbers have no simple values; the scene is set back once."""
    rng = np.random.default_rng(3)
    for tick in drive((120, POLICY), (20, HUMAN), (5, BACK), (80, POLICY)):
        cameras = {
            name: CameraFrame(name, tick.frame, rng.integers(0, 256, (48, 96, 3), np.uint8), 1.5, Pose())
            for name in CAMERAS
        }
        pose = Pose(*rng.normal(0.0, 50.0, 3).tolist(), yaw=float(rng.normal()))
        ego = dataclasses.replace(tick.ego, pose=pose, acceleration_mps2=tuple(rng.normal(0.0, 2.0, 3).tolist()))
        route = dataclasses.replace(tick.route, ahead_world=rng.normal(0.0, 30.0, (80, 4)).astype(np.float32))
        events = (TickEvent(EventKind.REWIND, "set back"),) if tick.frame == 130 else tick.events
        yield dataclasses.replace(tick, cameras=cameras, ego=ego, route=route, events=events)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    ticks = list(noisy_drive())
    folder = tmp_path_factory.mktemp("s") / "s"
    record(folder, ticks)
    (path,) = segment_paths(folder)
    return ticks, Segment.open(path)


def bytes_of(seen: Observation) -> bytes:
    numbers = [seen.time_s, seen.speed_mps, *seen.acceleration_mps2, seen.speed_limit_mps, seen.command_distance_m]
    parts = [np.array(numbers).tobytes(), seen.motion_ego.tobytes(), seen.targets_ego.tobytes(), seen.command.encode()]
    parts += [name.encode() + picture.tobytes() for name, picture in seen.pictures.items()]
    return b"|".join([str(seen.frame).encode(), prompt_of(seen).encode(), *parts])


@pytest.mark.parametrize("settings", [ONE_PICTURE, FILM], ids=["one picture", "film"])
def test_every_row_of_a_segment_is_what_the_policy_was_shown(recorded, settings):
    ticks, segment = recorded
    frames = segment.column("frame").tolist()
    whole = 0
    for index, frame in enumerate(frames):
        found = recorded_observation(segment, index, settings)
        if found is not None:
            assert bytes_of(found) == bytes_of(observation_at(ticks[: frame + 1], settings)), frame
            whole += 1
    # The segment begins in the middle of the session: its first 1.5 s have a past that was not recorded.
    assert len(frames) - whole == (30 if settings is FILM else 0)


def test_a_recording_without_the_policys_camera_gives_none(recorded):
    _, segment = recorded
    other = PolicySettings(cameras={**CAMERAS, "policy_right": CameraSettings()})
    assert recorded_observation(segment, 60, other) is None
