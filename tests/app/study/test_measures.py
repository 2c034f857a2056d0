"""Takeover measures: worked examples whose right answer is known beforehand, and a recorded takeover end to end."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from app.study.measures import (
    MeasureSettings,
    Origin,
    Signals,
    accelerations,
    first_brake,
    first_steer,
    hazard_onset,
    measure,
    measure_segment,
    min_ttc,
    origin_of,
    request_tick,
    reversal_rate,
    sdlp,
    stationary_points,
)
from recorder.layout.takeovers import Answer, Takeover
from recorder.reading.reader import Segment
from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    Control,
    DriverInput,
    DriverKind,
    EventKind,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    SessionInfo,
    Tick,
    TickEvent,
)
from recorder.writing.writer import SegmentRecorder

STEP_S = 0.05
SETTINGS = MeasureSettings()
P, R, H, S, B = (
    Authority.POLICY,
    Authority.REQUESTED,
    Authority.HUMAN,
    Authority.SAFE_STOP,
    Authority.HANDING_BACK,
)


def taken_over(first: int, end: int | None = None) -> Takeover:
    """A takeover: a person takes the car in tick `first`; the policy has it again in `end`."""
    answer = Answer(first, Reason.OVERRIDE_BRAKE, "")
    return Takeover(first, end, DriverKind.HUMAN, Reason.OVERRIDE_BRAKE, "", answer)


def signals(authority, **changes) -> Signals:
    """A drive straight ahead at 10 m/s in the middle of the lane, nobody touching anything."""
    count = len(authority)
    zeros = np.zeros(count)
    base = Signals(
        time_s=np.arange(count) * STEP_S,
        authority=authority,
        driver_steer=zeros,
        driver_brake=zeros,
        steer=zeros,
        policy_steer=zeros,
        velocity_mps=np.tile([10.0, 0.0], (count, 1)),
        yaw_rad=zeros,
        ttc_s=np.full(count, np.inf),
        lateral_m=zeros,
        in_junction=np.zeros(count, bool),
    )
    return replace(base, **changes)


def test_the_take_over_time_is_counted_from_the_request():
    """Asked in tick 20 (1.0 s), taken over in tick 47 (2.35 s): 1.35 s."""
    drive = signals([P] * 20 + [R] * 27 + [H] * 60 + [B] * 10 + [P] * 10)
    assert request_tick(drive.authority, 47) == 20
    measured = measure(drive, taken_over(47, 117), "0001", SETTINGS)
    assert measured.origin == "request"
    assert measured.take_over_time_s == pytest.approx(1.35)
    assert measured.manual_s == pytest.approx(3.0)
    assert measured.speed_mps == pytest.approx(10.0)


def test_being_set_back_is_no_braking():
    """At 10 m/s up to tick 30, set back to where the car did 4 m/s, and on at 4 m/s."""
    speeds = np.where(np.arange(100) < 30, 10.0, 4.0)
    drive = signals([P] * 30 + [H] * 70, velocity_mps=np.stack([speeds, 0 * speeds], axis=1), set_back=(30,))
    measured = measure(drive, taken_over(30), "0001", SETTINGS)
    assert measured.max_deceleration_mps2 == pytest.approx(0.0, abs=1e-6)
    assert measured.max_acceleration_mps2 == pytest.approx(0.0, abs=1e-6)


def test_no_time_is_counted_from_before_the_scene_was_set_back():
    """Request, mark and low time to collision before the jump belong to a course of events that was undone."""
    ttc_s = np.where((np.arange(100) > 20) & (np.arange(100) < 30), 2.0, np.inf)
    drive = signals([P] * 10 + [R] * 20 + [H] * 70, ttc_s=ttc_s, hazard_marks=(25,), set_back=(30,))
    assert origin_of(drive, 30, SETTINGS) == (Origin.NONE, None)
    assert origin_of(replace(drive, set_back=()), 30, SETTINGS)[0] is Origin.REQUEST


def test_a_request_that_had_become_a_safe_stop_counts_from_where_it_began():
    assert request_tick([P, P, R, R, S, S, H], 6) == 2


def test_a_request_that_went_away_is_not_counted_from():
    assert request_tick([P, R, R, P, P, H], 5) is None


def test_without_a_request_the_time_is_counted_from_the_hazard():
    """The time to collision falls to 4 s in tick 30 (1.5 s); taken over in tick 50 (2.5 s)."""
    ttc = np.full(100, np.inf)
    ttc[20:60] = 4.5 - 0.05 * np.arange(40)
    drive = signals([P] * 50 + [H] * 50, ttc_s=ttc)
    assert ttc[30] == pytest.approx(4.0)
    assert origin_of(drive, 50, SETTINGS) == (Origin.HAZARD_TTC, 30)
    measured = measure(drive, taken_over(50), "0001", SETTINGS)
    assert measured.take_over_time_s == pytest.approx(1.0)
    assert measured.min_ttc_s == pytest.approx(4.5 - 0.05 * 39)


def test_a_hazard_of_long_ago_was_not_the_cause_and_a_flicker_does_not_end_one():
    ttc = np.full(100, np.inf)
    ttc[10:20] = 2.0
    assert hazard_onset(signals([P] * 60 + [H] * 40, ttc_s=ttc), 60, SETTINGS) is None
    ttc[30:58] = 3.0
    ttc[40:45] = np.inf
    assert hazard_onset(signals([P] * 60 + [H] * 40, ttc_s=ttc), 60, SETTINGS) == 30


def test_a_hazard_mark_wins_over_the_time_to_collision_and_a_request_over_both():
    ttc = np.full(80, 3.0)
    marked = signals([P] * 40 + [H] * 40, ttc_s=ttc, hazard_marks=(12,))
    assert origin_of(marked, 40, SETTINGS) == (Origin.HAZARD_MARK, 12)
    asked = signals([P] * 30 + [R] * 10 + [H] * 40, ttc_s=ttc, hazard_marks=(12,))
    assert origin_of(asked, 40, SETTINGS) == (Origin.REQUEST, 30)


def test_with_nothing_to_count_from_times_are_not_made_up():
    measured = measure(signals([P] * 40 + [H] * 40), taken_over(40), "0001", SETTINGS)
    assert measured.origin == "none"
    assert (measured.take_over_time_s, measured.time_to_brake_s, measured.time_to_steer_s) == (None, None, None)
    assert measured.min_ttc_s is None


def test_braking_begins_at_ten_percent_of_the_pedal():
    brake = np.zeros(60)
    brake[20:] = np.minimum(0.02 * np.arange(40), 1.0)  # 0.10 in tick 25
    assert first_brake(signals([R] * 60, driver_brake=brake), 10, 60, SETTINGS) == 25
    assert first_brake(signals([R] * 60), 10, 60, SETTINGS) is None


def test_steering_begins_at_two_degrees_of_the_wheel():
    """2 degrees of 450 are 0.00444; the wheel turns by 0.001 a tick from tick 20 on: reached in tick 24 + 1."""
    steer = 0.001 * np.maximum(np.arange(60) - 20.0, 0.0)
    drive = signals([R] * 60, driver_steer=steer, policy_steer=np.full(60, np.nan))
    assert first_steer(drive, 5, 60, SETTINGS) == 25


def test_a_wheel_that_is_turned_by_the_policy_is_not_steered():
    turned = 0.3 * np.sin(np.arange(80) / 20)
    drive = signals([R] * 80, driver_steer=turned, policy_steer=turned)
    assert first_steer(drive, 5, 80, SETTINGS) is None
    hand = turned.copy()
    hand[40:] += 0.05
    assert first_steer(replace(drive, driver_steer=hand), 5, 80, SETTINGS) == 40


def test_accelerations_are_along_and_across_the_car():
    """Braking at 3 m/s^2 while driving east, then a circle of 50 m at 10 m/s: 2 m/s^2 across, to the right."""
    time_s = np.arange(200) * STEP_S
    braking = signals([H] * 200, velocity_mps=np.stack([20.0 - 3.0 * time_s, 0 * time_s], axis=1))
    along, across = accelerations(braking, SETTINGS)
    np.testing.assert_allclose(along, -3.0, atol=1e-9)
    np.testing.assert_allclose(across, 0.0, atol=1e-9)
    yaw = 10.0 / 50.0 * time_s
    circle = signals([H] * 200, velocity_mps=10.0 * np.stack([np.cos(yaw), np.sin(yaw)], axis=1), yaw_rad=yaw)
    along, across = accelerations(circle, SETTINGS)
    np.testing.assert_allclose(across[10:-10], 2.0, atol=0.01)
    np.testing.assert_allclose(along[10:-10], 0.0, atol=0.01)
    measured = measure(circle, taken_over(0), "0001", SETTINGS)
    assert measured.max_lateral_mps2 == pytest.approx(2.0, abs=0.02)


def test_lost_ticks_do_not_stretch_an_acceleration():
    kept = np.r_[0:60, 75:160]
    time_s = kept * STEP_S
    drive = signals([H] * len(kept), time_s=time_s, velocity_mps=np.stack([20 - 2 * time_s, 0 * time_s], axis=1))
    np.testing.assert_allclose(accelerations(drive, SETTINGS)[0], -2.0, atol=1e-6)


def test_sdlp_is_the_sample_deviation_outside_junctions():
    lateral = np.tile([0.2, -0.2], 100)
    drive = signals([H] * 200, lateral_m=lateral)
    expected = 0.2 * math.sqrt(200 / 199)
    assert sdlp(drive, np.arange(200), SETTINGS) == pytest.approx(expected)
    inside = np.zeros(200, bool)
    inside[100:] = True
    far = np.where(inside, 3.0, lateral)
    in_junction = replace(drive, lateral_m=far, in_junction=inside)
    assert sdlp(in_junction, np.arange(200), SETTINGS) == pytest.approx(0.2 * math.sqrt(100 / 99))
    assert sdlp(drive, np.arange(40), SETTINGS) is None


def test_a_sine_of_the_wheel_reverses_twice_a_period():
    """0.25 Hz for 60 s are 15 periods, 30 turning points; the first rise from rest and the ends add at most one."""
    time_s = np.arange(0.0, 60.0, STEP_S)
    wheel = 10.0 * np.sin(2 * np.pi * 0.25 * time_s)
    assert reversal_rate(wheel, STEP_S, SETTINGS) == pytest.approx(30.0, abs=1.0)


def test_movements_under_the_gap_or_over_the_cutoff_are_no_reversals():
    time_s = np.arange(0.0, 60.0, STEP_S)
    assert reversal_rate(1.0 * np.sin(2 * np.pi * 0.25 * time_s), STEP_S, SETTINGS) == 0.0
    assert reversal_rate(4.0 * np.sin(2 * np.pi * 5.0 * time_s), STEP_S, SETTINGS) == 0.0
    assert reversal_rate(np.zeros(40), STEP_S, SETTINGS) is None


def test_stationary_points_are_where_a_signal_turns():
    assert list(stationary_points(np.array([0.0, 1, 3, 2, 1, 4, 5]))) == [0, 3, 1, 5]


def test_the_smallest_time_to_collision_leaves_out_the_infinite_ones():
    assert min_ttc(np.array([np.inf, 3.0, 1.5, np.inf])) == 1.5
    assert min_ttc(np.array([np.inf])) is None


def test_a_recorded_takeover_is_measured_from_the_recording_alone(tmp_path):
    """Asked at 7.5 s, pedal at 8.1 s, car taken at 8.2 s, brakes with 4 m/s^2: as recorded by the real recorder."""
    recorder = SegmentRecorder(tmp_path / "session", info(), wait_when_full=True)
    for tick in requested_drive():
        recorder.consume(tick)
    recorder.close()
    (measured,) = measure_segment(Segment.open(recorder.segments[0]))
    assert (measured.origin, measured.reason, measured.driver) == ("request", "override_brake", "human")
    assert measured.take_over_time_s == pytest.approx(0.7)
    assert measured.time_to_brake_s == pytest.approx(0.6)
    assert measured.time_to_steer_s is None
    assert measured.max_deceleration_mps2 == pytest.approx(4.0, abs=0.2)
    assert measured.min_ttc_s == pytest.approx(2.5)
    assert measured.manual_s == pytest.approx(2.0)


def test_a_safe_stop_is_measured_from_the_tick_in_which_the_person_has_the_car(tmp_path):
    """The safe stop begins at 7.5 s, the person takes the car at 8.2 s; a stop that nobody answers has no measures."""
    recorder = SegmentRecorder(tmp_path / "session", info(), wait_when_full=True)
    for tick in requested_drive():
        stops = tick.authority.authority is R
        changed = AuthorityState(S, Reason.REQUEST_TIMEOUT, 150, 7.5) if stops else tick.authority
        recorder.consume(replace(tick, authority=changed))
    recorder.close()
    segment = Segment.open(recorder.segments[0])
    (measured,) = measure_segment(segment)
    assert (measured.reason, measured.driver) == ("override_brake", "human")
    assert measured.at_s == pytest.approx(8.2)
    (takeover,) = segment.takeovers
    assert segment.column("time_s")[takeover.first] == pytest.approx(7.5)
    with pytest.raises(ValueError, match="nobody answered"):
        measure(signals([P] * 10 + [S] * 10), replace(takeover, answer=None), "0001", SETTINGS)


def test_a_hazard_mark_in_the_recording_is_found(tmp_path):
    recorder = SegmentRecorder(tmp_path / "session", info(), wait_when_full=True)
    for tick in requested_drive():
        authority = tick.authority
        if authority.authority is R:
            authority = replace(authority, authority=P)
        marks = (TickEvent(EventKind.MARK, "Hazard: child"),) if tick.frame == 140 else ()
        recorder.consume(replace(tick, authority=authority, events=marks))
    recorder.close()
    (measured,) = measure_segment(Segment.open(recorder.segments[0]))
    assert measured.origin == "hazard_mark"
    assert measured.take_over_time_s == pytest.approx((164 - 140) * STEP_S)


def info() -> SessionInfo:
    return SessionInfo(
        "s1",
        "2026-01-05T10:00:00+01:00",
        "millbrook",
        "<OpenDRIVE/>",
        STEP_S,
        7,
        DriverKind.HUMAN,
        "p01",
        "small",
        "",
        "r",
    )


def requested_drive():
    speed = 12.0
    for frame in range(290):
        state = P if frame < 150 else R if frame < 164 else H if frame < 204 else P
        speed -= 4.0 * STEP_S if state is H else 0.0
        pressed = 0.5 if 162 <= frame < 204 else 0.0
        ego = ActorState(1, "vehicle.tesla.model3", "hero", Pose(), (speed, 0, 0), (0.0,) * 3, (0.0,) * 3, (2, 1, 0.8))
        yield Tick(
            frame=frame,
            time_s=frame * STEP_S,
            wall_time_s=0.0,
            delta_s=STEP_S,
            ego=ego,
            actors=(),
            lights=(),
            route=RouteState(
                RouteCommand.LANE_FOLLOW, math.inf, 0.0, 900.0, 0.1, 0.0, np.zeros((1, 4), np.float32), 13.9
            ),
            cameras={},
            driver=DriverInput(DriverKind.HUMAN, brake=pressed),
            plan=None,
            policy_control=Control(0.1),
            control=Control(0.0),
            authority=AuthorityState(state, Reason.OVERRIDE_BRAKE, frame, frame * STEP_S),
            ttc_s=2.5 if frame == 170 else math.inf,
        )
