"""Scores worked by hand: the driving score's rule, what counts as an infraction, and the rates."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from refine.evaluate.metrics import DriveMeter, DriveSums, Infraction, comfort, paired_interval, score, total

SUMS = DriveSums(1000.0, 1000.0, 1000.0, 120.0, 0.0, 0.0, 1000.0, 0)


def tick_at(frame: int, *, speed: float = 8.0, authority: Authority = Authority.POLICY, events=(), **route) -> Tick:
    """Tick `frame` of a straight drive at 20 Hz."""
    x = frame * 0.05 * speed
    ego = ActorState(1, "vehicle.tesla.model3", "hero", Pose(x=x), (speed, 0, 0), (0, 0, 0), (0, 0, 0), (2.4, 1.0, 0.8))
    car = ActorState(7, "vehicle.audi.tt", "", Pose(x=50), (0, 0, 0), (0, 0, 0), (0, 0, 0), (2.1, 1.0, 0.7))
    walker = ActorState(8, "walker.pedestrian.0001", "", Pose(), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0.3, 0.3, 0.9))
    state = RouteState(
        RouteCommand.LANE_FOLLOW, math.inf, x, 200.0, 0.0, 0.0, np.zeros((1, 4), np.float32), 13.9, **route
    )
    return Tick(
        frame, frame * 0.05, 0.0, 0.05, ego, (car, walker), (), state, {}, DriverInput(), None, None, Control(),
        AuthorityState(authority, Reason.SESSION_START, 0, 0.0), tuple(events),
    )  # fmt: skip


def metered(ticks) -> DriveSums:
    meter = DriveMeter()
    for tick in ticks:
        meter.consume(tick)
    meter.close()
    return meter.sums()


def hit(actor_id: int, text: str = "hit something") -> TickEvent:
    return TickEvent(EventKind.COLLISION, text, actor_id, 100.0)


def test_a_clean_whole_route_scores_a_hundred():
    done = score(SUMS, is_done=True)
    assert done.driving_score == 100.0
    assert done.success


@pytest.mark.parametrize(
    ("infractions", "penalty"),
    [
        ({Infraction.PEDESTRIAN: 1}, 0.50),
        ({Infraction.VEHICLE: 1}, 0.60),
        ({Infraction.STATIC: 1}, 0.65),
        ({Infraction.RED_LIGHT: 1}, 0.70),
        ({Infraction.STOP_SIGN: 1}, 0.80),
        ({Infraction.VEHICLE: 2, Infraction.RED_LIGHT: 1}, 0.60 * 0.60 * 0.70),
    ],
)
def test_infractions_multiply(infractions, penalty):
    done = score(dataclasses.replace(SUMS, infractions=infractions), is_done=True)
    assert done.penalty == pytest.approx(penalty)
    assert done.driving_score == pytest.approx(100 * penalty)
    assert not done.success


def test_half_a_route_with_a_red_light_and_a_tenth_off_the_lane():
    # 0.5 of the route, a tenth of it outside the lanes, one red light: 100 x 0.5 x 0.9 x 0.7.
    sums = dataclasses.replace(
        SUMS, driven_m=500.0, distance_m=500.0, outside_m=50.0, infractions={Infraction.RED_LIGHT: 1}
    )
    assert score(sums, is_done=False).driving_score == pytest.approx(31.5)


def test_rates_are_over_the_whole_distance():
    short = dataclasses.replace(SUMS, distance_m=250.0, policy_m=200.0, takeovers=1)
    long = dataclasses.replace(
        SUMS, distance_m=1750.0, policy_m=1600.0, takeovers=2, infractions={Infraction.STATIC: 1}
    )
    both = total([(one, score(one, is_done=True)) for one in (short, long)])
    assert both.takeovers_per_km == pytest.approx(1.5)
    assert both.metres_between_takeovers == pytest.approx(600.0)
    assert both.collisions_per_km == pytest.approx(0.5)
    assert both.driving_score == pytest.approx((100 + 65) / 2)
    assert both.policy_share == pytest.approx(0.9)


def test_without_takeovers_there_is_no_distance_between_them():
    assert score(SUMS, is_done=True).metres_between_takeovers is None


def test_a_car_that_never_moved_scores_nothing_and_divides_by_nothing():
    still = dataclasses.replace(SUMS, driven_m=0.0, distance_m=0.0, policy_m=0.0)
    assert score(still, is_done=False).driving_score == 0.0


def test_totals_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no drives"):
        total([])


def test_the_meter_adds_up_distance_time_and_who_drove():
    human = Authority.HUMAN
    ticks = [tick_at(i, authority=human if 20 < i <= 40 else Authority.POLICY) for i in range(101)]
    sums = metered(ticks)
    assert sums.distance_m == pytest.approx(40.0)
    assert sums.driven_m == pytest.approx(40.0)
    assert sums.time_s == pytest.approx(5.0)
    assert sums.takeovers == 1
    assert sums.policy_m == pytest.approx(32.0)


def test_a_safe_stop_counts_as_a_takeover_and_handing_back_does_not():
    order = [Authority.POLICY, Authority.REQUESTED, Authority.SAFE_STOP, Authority.HUMAN, Authority.HANDING_BACK]
    assert metered(tick_at(i, authority=one) for i, one in enumerate([*order, Authority.POLICY])).takeovers == 1
    assert metered(tick_at(i, authority=one) for i, one in enumerate([*order, Authority.HUMAN])).takeovers == 2


def test_a_session_that_begins_in_human_hands_has_no_takeover():
    assert metered(tick_at(i, authority=Authority.HUMAN) for i in range(5)).takeovers == 0


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (hit(7), Infraction.VEHICLE),
        (hit(8), Infraction.PEDESTRIAN),
        (hit(99, "hit static.prop.bin"), Infraction.STATIC),
        (hit(99, "hit vehicle.far.away"), Infraction.VEHICLE),
        (TickEvent(EventKind.RED_LIGHT, "crossed"), Infraction.RED_LIGHT),
    ],
)
def test_events_become_infractions(event, kind):
    assert metered([tick_at(0), tick_at(1, events=[event])]).infractions == {kind: 1}


def test_other_events_cost_nothing():
    kinds = (EventKind.TAKEOVER, EventKind.MARK, EventKind.LANE_INVASION, EventKind.HAND_BACK)
    assert not metered([tick_at(0), tick_at(1, events=[TickEvent(kind) for kind in kinds])]).infractions


def test_a_long_contact_is_one_collision_and_a_new_one_later_another():
    at = {10, 40, 80, 300}
    sums = metered(tick_at(i, events=[hit(7)] if i in at else ()) for i in range(301))
    assert sums.infractions == {Infraction.VEHICLE: 2}


def test_who_stands_still_is_hit_and_does_not_hit():
    sums = metered(tick_at(i, speed=0.0, events=[hit(7)] if i == 5 else ()) for i in range(10))
    assert not sums.infractions


def test_distance_off_the_road_and_in_the_wrong_lane_is_measured():
    sums = metered(
        [*(tick_at(i) for i in range(51)), *(tick_at(i, is_off_road=True) for i in range(51, 101))]
    )  # fmt: skip
    assert sums.off_road_m == pytest.approx(20.0)
    assert score(sums, is_done=False).off_road_share == pytest.approx(0.5)
    ticks = [tick_at(i) for i in range(101)]
    wrong = [dataclasses.replace(t, route=dataclasses.replace(t.route, lateral_offset_m=-3.0)) for t in ticks]
    assert metered(wrong).outside_m == pytest.approx(40.0)
    assert metered(wrong).off_road_m == 0.0
    turning = [dataclasses.replace(t, route=dataclasses.replace(t.route, in_junction=True)) for t in wrong]
    assert metered(turning).outside_m == 0.0


def test_a_drive_that_never_began_has_no_sums():
    with pytest.raises(ValueError, match="never began"):
        DriveMeter().sums()


def ride(speeds: np.ndarray) -> np.ndarray:
    return np.stack((speeds, 0 * speeds, 0 * speeds, 0 * speeds), axis=1)


def test_a_gentle_ride_is_comfortable_and_a_full_brake_is_not():
    gentle = np.linspace(0.0, 8.0, 200)  # 0.8 m/s^2 for 10 s
    assert comfort(ride(gentle), 0.05) == 1.0
    hard = np.concatenate((np.full(100, 10.0), np.maximum(10.0 - 8.0 * 0.05 * np.arange(100), 0.0)))
    found = comfort(ride(hard), 0.05)
    assert found is not None
    assert found < 1.0


def test_a_ride_of_less_than_a_window_has_no_comfort():
    assert comfort(ride(np.full(20, 5.0)), 0.05) is None


def test_the_interval_of_a_sure_gain_lies_above_zero_and_that_of_noise_does_not():
    before = [40.0, 55.0, 60.0, 52.0, 47.0]
    mean, low, high = paired_interval(before, [value + 10 for value in before])
    assert (mean, low, high) == pytest.approx((10.0, 10.0, 10.0))
    mean, low, high = paired_interval(before, [50.0, 45.0, 65.0, 49.0, 46.0])
    assert low < 0.0 < high
    with pytest.raises(ValueError, match="no pairs"):
        paired_interval([], [])


counts = st.dictionaries(st.sampled_from(list(Infraction)), st.integers(0, 5))


@given(st.floats(0, 2000), st.floats(0.1, 3000), st.floats(0, 3000), counts, st.booleans())
def test_scores_stay_in_their_ranges(driven, distance, outside, infractions, is_done):
    sums = dataclasses.replace(
        SUMS, driven_m=driven, distance_m=distance, outside_m=outside, policy_m=0.0, infractions=infractions
    )
    done = score(sums, is_done=is_done)
    assert 0.0 <= done.driving_score <= 100.0
    assert 0.0 <= done.completion <= 1.0
    assert 0.0 < done.penalty <= 1.0
