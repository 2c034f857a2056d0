"""When a session is over, and what it adds up to: worked examples over ticks made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cockpit.config import SessionConfig
from cockpit.session.progress import EndReason, Progress, time_limit_s
from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    Control,
    DriverInput,
    EventKind,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    Tick,
    TickEvent,
)

LENGTH_M = 100.0
ZERO = (0.0, 0.0, 0.0)


def tick(number: int, x: float, speed: float = 8.0, authority: Authority = Authority.POLICY, **changes) -> Tick:
    """A tick of a car that drives along x, at 20 Hz."""
    offset, off_road = changes.pop("offset", 0.0), changes.pop("off_road", False)
    ego = ActorState(1, "vehicle.tesla.model3", "hero", Pose(x=x), (speed, 0.0, 0.0), ZERO, ZERO, (2.4, 1.0, 0.7))
    ahead = np.zeros((1, 4), np.float32)
    route = RouteState(RouteCommand.LANE_FOLLOW, math.inf, x, LENGTH_M, offset, 0.0, ahead, 11.0, is_off_road=off_road)
    return Tick(
        number, number * 0.05, 0.0, 0.05, ego, (), (), route, {}, DriverInput(), None, None, Control(),
        AuthorityState(authority, Reason.SESSION_START, 0, 0.0), **changes,
    )  # fmt: skip


def after(ticks: list[Tick], **config) -> Progress:
    progress = Progress(SessionConfig(**config))
    for one in ticks:
        assert progress.end() is None, "it ended too early"
        progress.add(one)
    return progress


def test_a_route_is_done_shortly_before_its_end():
    assert after([tick(0, 0.0), tick(1, 94.9)]).end() is None
    done = after([tick(0, 0.0), tick(1, 95.1)])
    assert done.end() is EndReason.ROUTE_DONE
    assert done.result("r", EndReason.ROUTE_DONE).completion == 1.0


def test_standing_for_a_minute_is_blocked_and_moving_once_begins_the_minute_anew():
    standing = [tick(n, 10.0, 0.05) for n in range(1200)]
    assert after(standing).end() is None
    assert after([*standing, tick(1200, 10.0, 0.05)]).end() is EndReason.BLOCKED
    moved = [*standing, tick(1200, 10.0, 0.5), *(tick(n, 10.0, 0.0) for n in range(1201, 1300))]
    assert after(moved).end() is None


def test_the_time_limit_is_a_minute_and_the_route_at_walking_pace():
    assert time_limit_s(SessionConfig(), 300.0) == 210.0
    assert after([tick(0, 0.0), tick(101, 1.0)], time_limit_s=5.0).end() is EndReason.TIME_LIMIT


def test_far_from_the_route_the_session_ends():
    assert after([tick(0, 0.0), tick(1, 1.0, offset=-29.0)]).end() is None
    assert after([tick(0, 0.0), tick(1, 1.0, offset=-31.0)]).end() is EndReason.ROUTE_LOST


def test_a_collision_ends_the_session_only_where_that_is_asked():
    hit = tick(1, 1.0, events=(TickEvent(EventKind.COLLISION, "hit vehicle.audi.tt", 7, 900.0),))
    assert after([tick(0, 0.0), hit]).end() is None
    assert after([tick(0, 0.0), hit], end_on_collision=True).end() is EndReason.COLLISION


def test_a_safe_stop_ends_the_session_only_where_that_is_asked():
    stopped = [tick(0, 0.0), *(tick(n, 5.0, 0.0, Authority.SAFE_STOP) for n in range(1, 61))]
    assert after(stopped).end() is None
    assert after(stopped, safe_stop_end_s=3.0).end() is EndReason.SAFE_STOPPED


def test_takeovers_distance_shares_and_events_add_up():
    authorities = ["policy", "policy", "human", "human", "handing_back", "policy", "requested", "safe_stop", "human"]
    ticks = [tick(n, float(n), authority=Authority(name)) for n, name in enumerate(authorities)]
    ticks[3] = tick(3, 3.0, authority=Authority.HUMAN, off_road=True, events=(TickEvent(EventKind.OFF_ROAD),))
    result = after(ticks).result("r", EndReason.STOP_ASKED)
    assert result.takeovers == 2
    assert result.distance_m == pytest.approx(8.0)
    assert result.policy_share == pytest.approx(2 / 8)
    assert result.off_road_m == pytest.approx(1.0)
    assert result.count(EventKind.OFF_ROAD) == 1
    assert result.events[0].frame == 3
    assert result.sim_time_s == pytest.approx(0.4)
    assert result.completion == pytest.approx(0.08)


def test_the_first_tick_in_a_persons_hands_is_no_takeover():
    assert after([tick(n, float(n), authority=Authority.HUMAN) for n in range(5)]).takeovers == 0
