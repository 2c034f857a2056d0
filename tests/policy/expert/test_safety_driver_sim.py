"""The safety driver in the real simulator: a policy that drives straight at a standing car, and the way back."""

from __future__ import annotations

from collections.abc import Iterator

import carla
import numpy as np
import pytest

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.files import RouteSpec, read_routes, shipped_routes
from cockpit.session.headless import run_headless_route
from cockpit.session.progress import SessionResult
from cockpit.session.setup import Stage
from cockpit.world.conversion import carla_transform
from cockpit.world.simulator import RunningSimulator, launch_simulator
from policy.control.tracking import control_from_plan
from policy.expert.safety_driver import SafetyDriver
from recorder.schema import (
    ActorState,
    Authority,
    Control,
    Direction,
    EventKind,
    Plan,
    PolicyStatus,
    RouteState,
    SpeedAction,
    Tick,
)

STANDING_AT_M = 45.0
CLEARED_S = 11.0
"""Seconds after which the standing car is removed, as if it drove away."""


class Blind:
    """A `PolicyDriver` that keeps its lane at 8 m/s and ignores all other vehicles."""

    def __init__(self) -> None:
        self._plan: Plan | None = None

    def offer(self, tick: Tick) -> None:
        ahead = tick.route.ahead_world
        at = np.minimum(4.0 * np.arange(1, 7), len(ahead) - 1.0)
        rows = np.stack([np.interp(at, np.arange(len(ahead)), ahead[:, column]) for column in (0, 1, 3)], axis=1)
        pose = tick.ego.pose
        dx, dy = rows[:, 0] - pose.x, rows[:, 1] - pose.y
        cos_yaw, sin_yaw = np.cos(pose.yaw), np.sin(pose.yaw)
        ego = np.stack((cos_yaw * dx + sin_yaw * dy, cos_yaw * dy - sin_yaw * dx, rows[:, 2] - pose.yaw), axis=1)
        self._plan = Plan(
            tick.frame, tick.time_s, Direction.FOLLOW_LANE, SpeedAction.KEEP, (0,) * 6, ego.astype(np.float32), ""
        )

    def newest_plan(self) -> Plan | None:
        return self._plan

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        return self._plan

    def control(
        self, plan: Plan, ego_at_plan: ActorState, ego: ActorState, time_s: float, route: RouteState
    ) -> Control:
        return control_from_plan(plan, ego_at_plan, ego, time_s)

    def status(self) -> PolicyStatus:
        return PolicyStatus(alive=True)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with launch_simulator(rendering=False) as running:
        yield running


@pytest.fixture(scope="module")
def route() -> RouteSpec:
    return read_routes(shipped_routes("millbrook_test"))[0]


def drive(
    simulator: RunningSimulator, route: RouteSpec, driver: SafetyDriver | None, seconds: float
) -> tuple[SessionResult, list[Tick]]:
    """Drive at a car that stands in the lane and is gone later; ticks and result."""
    config = SessionConfig(port=simulator.port, traffic=TrafficConfig(count=0), time_limit_s=seconds)
    ticks: list[Tick] = []
    cars: list = []

    def put_car(stage: Stage) -> list:
        library = stage.world.world.get_blueprint_library()
        place = carla_transform(stage.route.pose_at(STANDING_AT_M))
        cars.append(stage.world.world.spawn_actor(library.find("vehicle.audi.tt"), place))
        cars[0].apply_control(carla.VehicleControl(hand_brake=True))
        return []

    def on_tick(tick: Tick) -> None:
        ticks.append(tick)
        if cars and tick.time_s - ticks[0].time_s > CLEARED_S:
            cars.pop().destroy()

    return run_headless_route(config, route, Blind(), driver, put_car, cameras=(), on_tick=on_tick), ticks


@pytest.fixture(scope="module")
def saved(simulator, route) -> tuple[SessionResult, list[Tick]]:
    return drive(simulator, route, SafetyDriver(), 24.0)


def test_alone_the_policy_drives_into_the_car(simulator, route):
    result, _ = drive(simulator, route, None, 9.0)
    assert result.count(EventKind.COLLISION) >= 1


def test_the_safety_driver_takes_over_and_nothing_is_hit(saved):
    result, ticks = saved
    assert result.count(EventKind.COLLISION) == 0
    assert result.takeovers == 1
    first = next(tick for tick in ticks if tick.authority.authority is Authority.HUMAN)
    assert first.driver.note == "About to hit the standing car ahead."
    assert first.ego.speed_mps > 5.0


def test_it_stands_behind_the_car_for_as_long_as_that_stands(saved):
    _, ticks = saved
    before = [tick for tick in ticks if tick.time_s - ticks[0].time_s < CLEARED_S]
    assert before[-1].ego.speed_mps < 0.1
    assert before[-1].authority.authority is Authority.HUMAN


def test_it_hands_back_once_the_road_is_free_and_the_policy_drives_on(saved):
    result, ticks = saved
    assert result.count(EventKind.HAND_BACK) == 1
    assert result.count(EventKind.HAND_BACK_REFUSED) == 0
    assert ticks[-1].authority.authority is Authority.POLICY
    assert ticks[-1].route.driven_m > STANDING_AT_M + 10.0
