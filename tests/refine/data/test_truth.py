"""What the label cameras tell of a picture, from worked examples and from the real simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.session.setup import set_stage
from cockpit.world.conversion import carla_transform
from cockpit.world.simulator import launch_simulator
from policy.vla.checkpoint import CameraSettings
from recorder.schema import Pose
from refine.data.scatter import tick_of
from refine.data.truth import LEAST_PX, TruthCameras, as_seen, depth_steps, truth_of
from refine.driving import camera_specs
from refine.errors import RefineError

CAR = 0x1234


@dataclass
class Picture:
    """What CARLA's client gives for a picture."""

    frame: int
    pixels: np.ndarray

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def raw_data(self) -> bytes:
        return self.pixels.tobytes()


def depth_picture(metres: np.ndarray, frame: int = 7) -> Picture:
    value = np.round(metres / 1000.0 * (2**24 - 1)).astype(np.uint32)
    channels = [value >> 16 & 255, value >> 8 & 255, value & 255, np.full_like(value, 255)]
    return Picture(frame, np.stack(channels, axis=-1).astype(np.uint8))  # blue, green, red, alpha


def instance_picture(tags: np.ndarray, ids: np.ndarray, frame: int = 7) -> Picture:
    channels = [ids >> 8, ids & 255, tags, np.full_like(ids, 255)]
    return Picture(frame, np.stack(channels, axis=-1).astype(np.uint8))


def test_depth_classes_and_who_is_seen_are_read_from_carlas_pictures():
    metres, tags, ids = np.full((16, 24), 20.0), np.full((16, 24), 1), np.zeros((16, 24), np.int64)
    metres[:8, :8], tags[:8, :8], ids[:8, :8] = 5.0, 14, CAR
    ids[15, : LEAST_PX - 1] = 99
    truth = truth_of(depth_picture(metres), instance_picture(tags, ids))
    assert truth.frame == 7
    assert truth.depth.tolist() == [[depth_steps(np.array(5.0)), *[depth_steps(np.array(20.0))] * 2]] * 1 + [
        [depth_steps(np.array(20.0))] * 3
    ]
    assert truth.classes.tolist() == [[14, 1, 1], [1, 1, 1]]
    assert CAR in truth.seen
    assert 99 not in truth.seen


def test_pictures_of_two_frames_are_no_pair():
    plane = np.ones((8, 8), np.int64)
    with pytest.raises(RefineError, match="frames 7 and 8"):
        truth_of(depth_picture(plane * 5.0), instance_picture(plane, plane, 8))


def test_depth_steps_are_logarithmic_and_hold_their_ends():
    assert depth_steps(np.array([0.1, 1.0, 200.0, 999.0])).tolist() == [0, 0, 254, 254]
    near, far = depth_steps(np.array([2.0, 4.0])), depth_steps(np.array([40.0, 80.0]))
    assert abs((int(near[1]) - int(near[0])) - (int(far[1]) - int(far[0]))) <= 1


def test_the_expert_is_not_told_of_a_car_behind_the_camera_or_behind_another():
    """One car ahead, one hidden behind it, one far behind the ego: only the first is in the picture."""
    camera = CameraSettings()
    with launch_simulator() as simulator:
        session = SessionConfig(
            port=simulator.port, realtime=False, random_route_m=200.0, traffic=TrafficConfig(count=0)
        )
        with set_stage(session, camera_specs({"front": camera})) as stage:
            world, start = stage.world, stage.route.start
            van = world.world.get_blueprint_library().find("vehicle.mercedes.sprinter")
            car = world.world.get_blueprint_library().find("vehicle.mini.cooper_s")
            places = {"ahead": (van, 14.0), "hidden": (car, 24.0), "behind": (car, -25.0)}
            ids = {}
            for name, (blueprint, along) in places.items():
                pose = Pose(
                    x=start.x + along * np.cos(start.yaw),
                    y=start.y + along * np.sin(start.yaw),
                    z=start.z + 0.5,
                    yaw=start.yaw,
                )
                actor = world.world.spawn_actor(blueprint, carla_transform(pose))
                actor.set_simulate_physics(False)
                ids[name] = actor.id
            cameras = TruthCameras(world.world, world.ego, camera)
            frame = world.tick()
            truth = cameras.of_frame(frame.frame)
            state = stage.route.state(frame.ego.pose.x, frame.ego.pose.y, frame.ego.pose.yaw, 0.0)
            seen = as_seen(tick_of(frame, state), truth)
            cameras.close()
    assert {actor.actor_id for actor in tick_of(frame, state).actors} == set(ids.values())
    assert {actor.actor_id for actor in seen.actors} == {ids["ahead"]}
    close = replace(frame.actors[0], pose=replace(frame.ego.pose, x=frame.ego.pose.x - 6.0))
    beside = as_seen(replace(tick_of(frame, state), actors=(close,)), replace(truth, seen=frozenset()))
    assert beside.actors == (close,)
