"""The second chance: which tick the scene goes back to, and a world that is set back while it runs."""

from __future__ import annotations

import math

import pytest
from fault_parts import Device, FaultDrive, settings
from session_parts import ExpertPlanner, hands
from window_ticks import actor, authority
from window_ticks import tick as a_tick

from cockpit.cameras import CameraSpec
from cockpit.config import RewindConfig
from cockpit.rewind import Rewinder
from cockpit.route_files import read_route, shipped_routes
from cockpit.simulator import launch_simulator
from cockpit.stage import set_stage
from recorder.reader import list_segments
from recorder.schema import Authority, EventKind, Reason, TickEvent
from recorder.verify import verify_session

ROUTE = read_route(shipped_routes("millbrook_train"), "train_1")
HIT = (TickEvent(EventKind.COLLISION, "hit vehicle.audi.tt", 7, 2000.0),)


def apart_m(one, other) -> float:
    return math.dist((one.ego.pose.x, one.ego.pose.y), (other.ego.pose.x, other.ego.pose.y))


def after(ticks: int, config: RewindConfig | None = None, **last) -> Rewinder:
    rewinder = Rewinder(config or RewindConfig(), 0.05)
    for frame in range(ticks):
        rewinder.add(a_tick(frame, **(last if frame == ticks - 1 else {})))
    return rewinder


def test_the_button_goes_back_by_the_seconds_set_and_again_further():
    rewinder = after(300)
    assert rewinder.target(hands(rewind_pressed=True), False).frame == 199
    assert rewinder.target(hands(rewind_pressed=True), False) is None  # held down
    assert rewinder.target(hands(), False) is None
    rewinder.add(a_tick(300))
    assert rewinder.target(hands(rewind_pressed=True), False).frame == 100


def test_at_the_beginning_it_goes_back_to_the_beginning():
    assert after(20).target(hands(), True).frame == 0
    assert Rewinder(RewindConfig(), 0.05).target(hands(), True) is None


def test_a_collision_of_the_policy_goes_back_where_asked_and_one_of_the_drivers_does_not():
    asked = RewindConfig(on_collision=True)
    assert after(300, events=HIT).target(hands(), False) is None
    assert after(300, asked, events=HIT).target(hands(), False).frame == 199
    by_hand = {"events": HIT, "authority": authority(Authority.HUMAN, Reason.OVERRIDE_BUTTON)}
    assert after(300, asked, **by_hand).target(hands(), False) is None


def test_a_standstill_is_undone_where_the_car_still_moved():
    config = RewindConfig(seconds=1.0, standstill_s=2.0)
    rewinder = Rewinder(config, 0.05)
    for frame in range(100):
        rewinder.add(a_tick(frame))
    for frame in range(100, 139):
        rewinder.add(a_tick(frame, ego=actor(speed_mps=0.0)))
        assert rewinder.target(hands(), False) is None
    rewinder.add(a_tick(139, ego=actor(speed_mps=0.0)))
    assert rewinder.target(hands(), False).frame == 99


def test_a_running_world_is_set_back_and_the_driver_has_it_from_there(tmp_path):

    def script(number: int):
        return hands(rewind_pressed=number == 45, throttle=0.3 if number >= 45 else 0.0)

    with launch_simulator(rendering=False) as server:
        config = settings(server.port, rewind=RewindConfig(seconds=1.0))
        with set_stage(config, [CameraSpec("front", 48, 27)], ROUTE) as stage:
            drive = FaultDrive(stage, tmp_path / "session", ExpertPlanner(), Device(script))
            ticks = drive.run(60)
    back = next(n for n, tick in enumerate(ticks) if any(e.kind is EventKind.REWIND for e in tick.events))
    assert back == 45
    target, jumped = ticks[back - 21], ticks[back]
    assert math.dist((jumped.ego.pose.x, jumped.ego.pose.y), (target.ego.pose.x, target.ego.pose.y)) < 1.0
    assert (
        math.dist((jumped.ego.pose.x, jumped.ego.pose.y), (ticks[back - 1].ego.pose.x, ticks[back - 1].ego.pose.y))
        > 2.0
    )
    assert jumped.ego.speed_mps == pytest.approx(target.ego.speed_mps, abs=0.7)
    assert jumped.route.driven_m == pytest.approx(target.route.driven_m, abs=1.0)
    assert (jumped.authority.authority, jumped.authority.reason) == (Authority.HUMAN, Reason.REWIND)
    assert [event.value for event in jumped.events if event.kind is EventKind.REWIND] == [pytest.approx(1.0)]
    assert [tick.frame for tick in ticks] == list(range(ticks[0].frame, ticks[0].frame + 60))
    assert drive.session.progress.distance_m < 40.0
    assert verify_session(drive.folder) == []
    assert [segment.reason for segment in list_segments(drive.folder)] == [Reason.REWIND]
