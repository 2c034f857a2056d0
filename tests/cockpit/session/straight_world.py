"""A world without a simulator for tests of the session's loop: the ego drives east along a straight road at 10 m/s."""

from __future__ import annotations

from typing import Any

import numpy as np

from cockpit.config import LockstepConfig, SessionConfig
from cockpit.route.route import Route
from cockpit.session.loop import Session
from cockpit.world.world import WorldFrame
from recorder.schema import Control, RouteCommand, Tick
from tests.cockpit.session.session_parts import ExpertPlanner, ScriptedDriver
from tests.cockpit.windows.window_ticks import actor

SPEED_MPS, STEP_S, LENGTH_M = 10.0, 0.05, 1000


class StraightWorld:
    """What the session calls of a `CarlaWorld`; no control moves its ego, `set_back` does."""

    map_name, opendrive, is_lost = "nowhere", "", False

    def __init__(self) -> None:
        self.frame = 0
        self.x_m = 0.0

    def apply(self, control: Control) -> None:
        pass

    def advance(self) -> int:
        self.frame += 1
        self.x_m += SPEED_MPS * STEP_S
        return self.frame

    def read(self, frame: int) -> WorldFrame:
        time_s = STEP_S * frame
        return WorldFrame(frame, time_s, 1000.0 + time_s, STEP_S, actor(self.x_m), (), (), {}, (), ())

    def pictures(self, frame: int) -> dict[str, Any]:
        return {}

    def is_on_road(self, x: float, y: float, z: float) -> bool:
        return True

    def set_back(self, target: Tick) -> None:
        self.x_m = target.ego.pose.x

    def show_hazard_lights(self, is_on: bool) -> None:
        pass

    def close(self) -> None:
        pass


def straight_route() -> Route:
    points = np.zeros((LENGTH_M, 4))
    points[:, 0] = np.arange(LENGTH_M)
    everywhere = np.ones(LENGTH_M)
    commands = (RouteCommand.LANE_FOLLOW,) * LENGTH_M
    return Route("straight", "nowhere", points, commands, everywhere < 0, 14.0 * everywhere, 3.5 * everywhere)


def straight_session(consumers=(), driver=None, policy=None, **changes) -> Session:
    """A session in lock-step with a policy that answers each tick and a person who only watches."""
    config = SessionConfig(lockstep=LockstepConfig(plan_every=1, wait_timeout_s=0.05), realtime=False)
    config = config.model_copy(update=changes)
    world: Any = StraightWorld()
    ends = policy or ExpertPlanner(), driver or ScriptedDriver()
    return Session(config, world, straight_route(), *ends, consumers)
