"""Our policies behind the egodriver contract: the library's own demo drives against them over real gRPC."""

from __future__ import annotations

import contextlib
import math
import re
import sys

import numpy as np
import pytest
import torch

from cockpit.world.simulator import launch_simulator
from policy.egodriver.address import EgodriverError

library = pytest.importorskip("carla_driver_interface", reason="carla-driver-interface is not installed")
import grpc  # noqa: E402
from carla_driver_interface.cli import main as library_command  # noqa: E402
from carla_driver_interface.geometry import Trajectory  # noqa: E402
from carla_driver_interface.testing import FakeCamera, FakeLoop  # noqa: E402

from policy.egodriver import frames  # noqa: E402
from policy.egodriver.lens import Lens, View  # noqa: E402
from policy.egodriver.observed import route_state  # noqa: E402
from policy.egodriver.served import ServedPolicy  # noqa: E402
from policy.egodriver.serving import require_library, serving  # noqa: E402
from policy.vla.checkpoint import CameraSettings, HistorySettings, PolicySettings  # noqa: E402
from policy.vla.codebook import Codebook  # noqa: E402
from policy.vla.model import Vla  # noqa: E402
from policy.vla.small import make_checkpoint  # noqa: E402
from recorder.schema import ActorState, Pose, RouteCommand  # noqa: E402
from refine.driving import FOREIGN_CAMERA, camera_specs  # noqa: E402
from tests.refine.train.lane_samples import TINY  # noqa: E402

SMALL = "assets/policies/small"


@pytest.fixture(scope="module")
def small() -> Vla:
    torch.set_num_threads(1)
    return Vla.load(SMALL, device="cpu")


def test_the_librarys_demo_drives_against_the_shipped_policy(small, capsys):
    with serving(ServedPolicy(small)) as served:
        assert served.address.host == "127.0.0.1"
        assert library_command(["demo", "--driver", served.address.name, "--steps", "40", "--camera-fov", "80"]) == 0
    said = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines() if ":" in line)
    told = {key.strip(): value.strip() for key, value in said.items()}
    assert told["steps"] == "40"
    assert told["terminated by policy"] == "False"
    assert float(told["distance travelled"].split()[0]) > 5.0
    assert float(told["max lateral offset"].split()[0]) < 2.0


def test_each_answer_is_a_plan_with_its_candidates_and_how_sure_it_is(small):
    with serving(ServedPolicy(small, samples=3)) as served, FakeLoop(served.address.name, [FakeCamera()]) as loop:
        result = loop.run(3)
    assert result.steps == 3
    for debug in result.debug:
        assert 0.0 < debug.scalars["confidence"] <= 1.0


def test_a_policy_with_a_past_is_shown_the_past_of_its_own_session(tmp_path, monkeypatch):
    settings = PolicySettings(
        cameras={"front": CameraSettings(width=96, height=64)}, history=HistorySettings(pictures=3, step_s=0.2)
    )
    vla = Vla.load(make_checkpoint(tmp_path, codebook=Codebook.town(size=24), settings=settings, size=TINY))
    seen = []
    answers = vla.answers
    monkeypatch.setattr(vla, "answers", lambda asked, *rest: (seen.extend(asked), answers(asked, *rest))[1])
    with serving(ServedPolicy(vla)) as served:
        for _ in range(2):
            with FakeLoop(served.address.name, [FakeCamera()], initial_speed_mps=8.0) as loop:
                loop.run(5)
    assert len(seen) == 10
    newest = [question.images_rgb[2] for question in seen[:5]]
    np.testing.assert_array_equal(seen[4].images_rgb[0], newest[0])
    np.testing.assert_array_equal(seen[4].images_rgb[1], newest[2])
    np.testing.assert_array_equal(seen[5].images_rgb[0], seen[5].images_rgb[2])  # a new session has no past


def test_a_loop_that_tells_too_little_is_told_what_is_missing(small):
    with serving(ServedPolicy(small)) as served:

        class Silent(FakeLoop):
            def _observe(self, session, now_us, pose, speed):
                pass

        with Silent(served.address.name, [FakeCamera()]) as loop, pytest.raises(grpc.RpcError) as refused:
            loop.run(1)
    assert "no egomotion was submitted" in refused.value.details()


def test_a_port_in_use_is_named(small):
    words = r"choose another --port"
    with serving(ServedPolicy(small)) as served, contextlib.ExitStack() as stack, pytest.raises(EgodriverError) as told:
        stack.enter_context(serving(ServedPolicy(small), port=served.address.port))
    assert re.search(words, str(told.value))


def test_without_the_library_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "carla_driver_interface.contract", None)
    with pytest.raises(EgodriverError, match=r"takeover policy serve needs .*takeover\[egodriver\]"):
        require_library("takeover policy serve")


def ego(x=20.0, y=-7.0, yaw=0.7) -> ActorState:
    velocity = (4.0 * math.cos(yaw), 4.0 * math.sin(yaw), 0.0)
    pose = Pose(x, y, 1.0, 0.02, -0.05, yaw)
    return ActorState(1, "vehicle", "hero", pose, velocity, (0.5, -1.0, 0.0), (0.0, 0.0, 0.3), (2.4, 1.0, 0.8))


def test_poses_and_motions_come_back_as_they_were_sent():
    there = ego()
    rig = frames.rig_in_local(there.pose)
    back = frames.ego_of_rig(rig)
    for name in ("x", "y", "z", "roll", "pitch", "yaw"):
        assert getattr(back, name) == pytest.approx(getattr(there.pose, name), abs=1e-6)
    velocity, acceleration, rates = frames.motion_of_rig(frames.motion_in_rig(there), rig)
    np.testing.assert_allclose(velocity, there.velocity_mps, atol=1e-4)
    np.testing.assert_allclose(acceleration, there.acceleration_mps2, atol=1e-4)
    np.testing.assert_allclose(rates, there.angular_velocity_radps, atol=1e-4)


def test_a_plan_goes_out_and_comes_back_the_same():
    path = np.array([[2.0, 0.3, 0.2], [4.0, 1.0, 0.4], [5.5, 2.0, 0.6]], np.float32)
    here = Pose(20.0, -7.0, 0.0, 0.0, 0.0, 0.7)
    in_rig = frames.plan_in_rig(path, 1_000_000, 0.5)
    rig = frames.rig_in_local(here)
    local = Trajectory([1_000_000], [rig])
    for at, pose in zip(in_rig.timestamps_us, in_rig.poses, strict=True):
        local.append(at, rig @ pose)
    np.testing.assert_allclose(frames.trajectory_in_ego(local, 1_000_000, here, 0.5), path, atol=1e-4)


def test_a_route_told_as_points_is_the_route_beside_the_ego():
    here = Pose(10.0, 2.0, 0.0, 0.0, 0.0, 0.0)
    line = np.stack([np.arange(0.0, 100.0, 2.0), np.full(50, 1.5), np.zeros(50)], axis=-1)
    state = route_state(line, here, math.inf)
    assert state.lateral_offset_m == pytest.approx(0.5)
    np.testing.assert_allclose(state.ahead_world[:3, :2], [[10.0, 1.5], [11.0, 1.5], [12.0, 1.5]], atol=1e-5)
    assert (state.command, len(state.ahead_world)) == (RouteCommand.LANE_FOLLOW, 81)


@pytest.mark.parametrize(("side", "command"), [(1.0, RouteCommand.RIGHT), (-1.0, RouteCommand.LEFT)])
def test_a_bend_of_the_route_is_told_as_a_turn_and_where_it_begins(side, command):
    angles = np.linspace(0.0, math.pi / 2, 20)
    bend = np.stack([20.0 + 8.0 * np.sin(angles), side * 8.0 * (1.0 - np.cos(angles)), np.zeros(20)], axis=-1)
    line = np.vstack([np.stack([np.arange(0.0, 20.0), np.zeros(20), np.zeros(20)], axis=-1), bend])
    far, within = (route_state(line, Pose(x, y, 0, 0, 0, 0), math.inf) for x, y in ((4.0, 0.0), (22.0, 0.0)))
    assert far.command is command
    assert far.command_distance_m == pytest.approx(16.0, abs=3.0)
    assert (within.command, within.command_distance_m) == (command, 0.0)


def test_a_camera_of_ours_with_the_same_lens_sees_the_same_picture():
    """The lens that our own client declares: a smaller picture is its mean over blocks."""
    (spec,) = camera_specs({"front": FOREIGN_CAMERA})
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (FOREIGN_CAMERA.height, FOREIGN_CAMERA.width, 3), np.uint8)
    from recorder.schema import CameraFrame

    declared = frames.declared_camera(CameraFrame("front", 0, picture, spec.fov_rad, spec.pose), "camera_front")
    lenses = {"camera_front": Lens.of(declared)}
    same = View(spec.width, spec.height, spec.fov_rad, spec.pose, lenses)
    np.testing.assert_allclose(same.picture(picture).astype(int), picture, atol=2)
    half = View(spec.width // 2, spec.height // 2, spec.fov_rad, spec.pose, lenses).picture(picture).astype(float)
    blocks = picture.reshape(spec.height // 2, 2, spec.width // 2, 2, 3).mean((1, 3))
    assert np.abs(half - blocks).mean() < 1.5


def test_what_no_camera_shows_is_grey_and_the_nearest_camera_is_looked_through():
    cameras = {
        name: FakeCamera(logical_id=name, fov_deg=60.0, yaw_left_deg=left).available_camera()
        for name, left in (("camera_front", 0.0), ("camera_left", 60.0))
    }
    lenses = {name: Lens.of(camera) for name, camera in cameras.items()}
    left = View(96, 48, math.radians(40.0), Pose(x=1.0, z=1.5, yaw=math.radians(-60.0)), lenses)
    wide = View(96, 48, math.radians(120.0), Pose(x=1.0, z=1.5), lenses)
    assert (left.source, wide.source) == ("camera_left", "camera_front")
    white = np.full((360, 640, 3), 255, np.uint8)
    assert left.picture(white).min() == 255
    seen = wide.picture(white)
    assert seen[24, 48].min() == 255
    assert seen[24, 0].tolist() == [127, 127, 127]


def test_two_of_our_processes_speak_the_contract_to_each_other(small):
    """Our own wire between machines: our session drives a policy of ours that is served."""
    from policy.egodriver.driver import Egodriver
    from tests.policy.egodriver.test_egodriver import drive

    with launch_simulator() as simulator, serving(ServedPolicy(small)) as served, Egodriver(served.address) as policy:
        policy.wait_ready()
        ticks = drive(simulator.port, policy, 60)
        assert policy.status().alive
    assert max(tick.ego.speed_mps for tick in ticks) > 2.0
    assert max(abs(tick.route.lateral_offset_m) for tick in ticks) < 1.0
