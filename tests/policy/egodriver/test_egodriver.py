"""A policy behind the egodriver contract in the driver's seat: real gRPC, real simulator, real pictures."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from cockpit.world.simulator import launch_simulator
from policy.egodriver.address import EgodriverAddress, EgodriverError, egodriver_address, is_egodriver

library = pytest.importorskip("carla_driver_interface", reason="carla-driver-interface is not installed")
from carla_driver_interface.driver import BaseDriver, DriveResult  # noqa: E402
from carla_driver_interface.geometry import Pose, Trajectory, optical_to_body  # noqa: E402
from carla_driver_interface.policies.route_follower import RouteFollowerPolicy  # noqa: E402
from carla_driver_interface.server import build_server, serving  # noqa: E402

from cockpit.config import ArbitrationConfig, LockstepConfig, SessionConfig, TrafficConfig  # noqa: E402
from cockpit.rig.camera_spec import CameraSpec  # noqa: E402
from cockpit.session.headless import run_headless_route  # noqa: E402
from policy.egodriver.driver import Egodriver  # noqa: E402
from recorder.schema import Authority, Reason  # noqa: E402
from recorder.schema import Pose as EgoPose  # noqa: E402
from tests.cockpit.session.session_parts import Keeper, ScriptedDriver, driver_input  # noqa: E402
from tests.policy.agents.agent_parts import ROUTE, faults_of  # noqa: E402

CAMERA = CameraSpec("front", 96, 48, math.radians(90.0), EgoPose(x=1.2, y=0.3, z=1.6, pitch=0.1, yaw=0.2))


@pytest.fixture(scope="module")
def port():
    with launch_simulator() as simulator:
        yield simulator.port


def drive(port, policy, ticks, driver=None, on_tick=None):
    keeper = Keeper()
    config = SessionConfig(
        port=port,
        traffic=TrafficConfig(count=0),
        lockstep=LockstepConfig(),
        arbitration=ArbitrationConfig(plan_stale_s=0.3, request_s=1.0, recover_s=0.3),
    )
    until = lambda _: len(keeper.ticks) >= ticks  # noqa: E731
    run_headless_route(config, ROUTE, policy, driver, [keeper], [CAMERA], on_tick, until)
    return keeper.ticks


class Watching(BaseDriver):
    """Plans a bend to the left at 5 m/s, and keeps what it was given."""

    name = "watching"
    frame_history_length = 1000

    def __init__(self, fails_at=None):
        self.calls, self.sessions, self.closed, self.fails_at = 0, [], 0, fails_at

    def on_session_start(self, session):
        self.sessions.append(session)

    def on_session_close(self, session):
        self.closed += 1

    def drive(self, ctx):
        self.calls += 1
        if self.calls == self.fails_at:
            raise RuntimeError("no weights left")
        plan = Trajectory.empty()
        for index in range(1, 31):
            turned = 0.02 * index
            plan.append(ctx.time_now_us + index * 100_000, Pose.from_xyz_yaw(0.5 * index, 0.1 * index, 0.0, turned))
        return DriveResult(trajectory_in_rig=plan)


def test_the_librarys_route_follower_drives_and_is_taken_over(port):
    def hands(number, tick):
        return driver_input(takeover_pressed=60 <= number < 62, hand_back_pressed=number >= 72, throttle=0.3)

    with serving(RouteFollowerPolicy(), port=0, host="127.0.0.1") as server, Egodriver(at(server)) as policy:
        policy.wait_ready()
        ticks = drive(port, policy, 130, ScriptedDriver(hands))
        assert policy.status().alive
    assert max(tick.ego.speed_mps for tick in ticks[:59]) > 5.0
    assert max(abs(tick.route.lateral_offset_m) for tick in ticks[:59]) < 0.5
    who = [tick.authority.authority for tick in ticks]
    assert who[65] is Authority.HUMAN
    assert Authority.HANDING_BACK in who
    assert who[-1] is Authority.POLICY
    assert faults_of(ticks) == ""


def at(server_port):
    return EgodriverAddress("127.0.0.1", server_port)


def test_what_the_policy_is_given_is_what_the_tick_holds(port):
    watching = Watching()
    with serving(watching, port=0, host="127.0.0.1") as server, Egodriver(at(server)) as policy:
        ticks = drive(port, policy, 41)
    (session,) = watching.sessions
    asked = {round(tick.time_s * 1e6): tick for tick in ticks[::2]}
    frames = session.frame_history["camera_front"]
    assert [frame.timestamp_us for frame in frames] == list(asked)
    for frame in frames:
        np.testing.assert_array_equal(frame.as_array(), asked[frame.timestamp_us].cameras["front"].image)
    camera = session.cameras["camera_front"]
    assert camera.intrinsics.opencv_pinhole_param.focal_length_x == pytest.approx(48.0)
    body = optical_to_body(Pose.from_proto(camera.rig_to_camera))
    np.testing.assert_allclose(body.position, [1.2 + 1.45, -0.3, 1.6], atol=1e-5)
    np.testing.assert_allclose(body.rotation.apply([1.0, 0.0, 0.0]), direction(0.2, 0.1), atol=1e-5)
    assert session.ego_trajectory.timestamps_us == list(asked)
    last, tick = session.ego_trajectory.last_pose, ticks[40]
    nose = direction(tick.ego.pose.yaw, 0.0)
    np.testing.assert_allclose(
        last.position[:2], np.array([tick.ego.pose.x, -tick.ego.pose.y]) - 1.45 * nose[:2], atol=0.02
    )
    assert session.speed_mps() == pytest.approx(tick.ego.speed_mps, abs=0.1)
    route = session.route_waypoints_in_rig
    x, y, _, yaw = tick.route.ahead_world[0]  # beside the ego; the route is given from beside the rear axle
    beside = np.array([x, -y]) - 1.45 * direction(yaw, 0.0)[:2] - last.position[:2]
    left = np.array([-nose[1], nose[0]])
    np.testing.assert_allclose(route[0, :2], [beside @ nose[:2], beside @ left], atol=0.02)


def direction(yaw, pitch):
    """The unit vector that a CARLA yaw and pitch look along, y to the left."""
    return np.array([math.cos(yaw) * math.cos(pitch), -math.sin(yaw) * math.cos(pitch), math.sin(pitch)])


def test_a_plan_to_the_left_is_recorded_to_the_left_and_steered_so(port):
    with serving(Watching(), port=0, host="127.0.0.1") as server, Egodriver(at(server)) as policy:
        ticks = drive(port, policy, 10)
    plan = ticks[-1].plan
    assert (plan.direction, plan.speed, plan.step_s, len(plan.trajectory_ego)) == (None, None, 0.25, 12)
    second = plan.trajectory_ego[3]  # 1 s: the rear axle is at (5, 1), turned by 0.2 to the left
    expected = [5.0 + 1.45 * math.cos(0.2) - 1.45, -(1.0 + 1.45 * math.sin(0.2)), -0.2]
    np.testing.assert_allclose(second, expected, atol=0.02)
    assert ticks[-1].policy_control.steer < -0.02


def test_every_drive_is_a_session_of_its_own(port):
    watching = Watching()
    with serving(watching, port=0, host="127.0.0.1") as server, Egodriver(at(server)) as policy:
        drive(port, policy, 6)
        drive(port, policy, 6)
    assert (len(watching.sessions), watching.closed) == (2, 2)


def test_a_policy_that_raises_is_a_fault_with_its_text_and_may_have_the_car_back(port):
    with serving(Watching(fails_at=8), port=0, host="127.0.0.1") as server, Egodriver(at(server)) as policy:
        ticks = drive(port, policy, 50)
    assert "no weights left" in faults_of(ticks)
    asked = next(tick for tick in ticks if tick.authority.authority is Authority.REQUESTED)
    assert asked.authority.reason is Reason.POLICY_FAILED
    assert ticks[-1].authority.authority is Authority.POLICY


def test_a_server_that_ends_is_a_fault_and_leads_to_the_safe_stop(port):
    server, server_port = build_server(Watching(), port=0, host="127.0.0.1")
    server.start()
    with Egodriver(at(server_port), timeout_s=5.0) as policy:
        ticks = drive(port, policy, 60, on_tick=lambda tick: server.stop(0.0))
    assert "UNAVAILABLE" in faults_of(ticks)
    assert ticks[-1].authority.authority is Authority.SAFE_STOP


def test_a_server_that_does_not_answer_is_named():
    words = r"no egodriver server answers at grpc://127.0.0.1:1: UNAVAILABLE"
    with (
        Egodriver(EgodriverAddress("127.0.0.1", 1), timeout_s=5.0) as policy,
        pytest.raises(EgodriverError, match=words),
    ):
        policy.wait_ready()


def test_without_the_library_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "carla_driver_interface.contract", None)
    with pytest.raises(EgodriverError, match=r"needs the library carla-driver-interface.*takeover\[egodriver\]"):
        Egodriver(EgodriverAddress("127.0.0.1", 1))


def test_addresses_are_read_with_one_slash_or_two_and_nothing_else():
    assert egodriver_address("grpc://planner.lab:50051") == EgodriverAddress("planner.lab", 50051)
    assert egodriver_address("grpc:/127.0.0.1:1") == EgodriverAddress("127.0.0.1", 1)
    assert is_egodriver("grpc:x")
    assert not is_egodriver("runs/grpc")
    for wrong in ("grpc://planner.lab", "grpc://:50051", "grpc://planner:99999", "grpc://"):
        with pytest.raises(EgodriverError, match="write grpc://HOST:PORT"):
            egodriver_address(wrong)
