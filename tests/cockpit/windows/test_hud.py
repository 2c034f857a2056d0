"""What the instruments say, in a driver's words, and where the planned path lies on a screen."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from cockpit.rig.rig import load_rig
from cockpit.windows.instruments import (
    COMMAND_WORDS,
    DIRECTION_WORDS,
    FLASH_PERIOD_S,
    REASON_WORDS,
    SPEED_WORDS,
    TONE_OF,
    Tone,
    distance_words,
    flash_is_on,
    instruments_from_tick,
)
from cockpit.windows.path_overlay import plan_in_ego, ribbon_pixels
from recorder.schema import (
    Authority,
    Control,
    Direction,
    DriverInput,
    DriverKind,
    Pose,
    Reason,
    RouteCommand,
    SpeedAction,
)
from tests.cockpit.windows.window_ticks import PLAN, ROUTE, actor, authority, tick


def test_a_tick_reads_as_speed_driver_and_what_the_policy_will_do():
    shown = instruments_from_tick(tick(frame=14))
    assert (shown.speed_kmh, shown.limit_kmh) == (36, 50)
    assert (shown.who, shown.tone, shown.banner) == ("POLICY", Tone.POLICY, "")
    assert shown.policy == "Change lane left, slow down"
    assert shown.plan_age_s == pytest.approx(0.2)
    assert (shown.command_text, shown.distance_text) == ("Turn left", "45 m")
    assert (shown.throttle, shown.steer) == (0.4, 0.1)


@pytest.mark.parametrize(
    ("state", "reason", "who", "why", "banner"),
    [
        (Authority.HUMAN, Reason.OVERRIDE_BRAKE, "YOU", "you braked", ""),
        (Authority.REQUESTED, Reason.PLAN_STALE, "TAKE OVER!", "the policy's plan is too old", "TAKE OVER"),
        (Authority.REQUESTED, Reason.DEVICE_LOST, "TAKE OVER!", "the wheel is unplugged", "TAKE OVER"),
        (Authority.SAFE_STOP, Reason.REQUEST_TIMEOUT, "SAFE STOP", "nobody took over", ""),
    ],
)
def test_every_state_says_who_drives_and_why(state, reason, who, why, banner):
    shown = instruments_from_tick(tick(authority=authority(state, reason)))
    assert (shown.who, shown.why, shown.banner) == (who, why, banner)


def test_the_expert_is_not_called_you():
    by_expert = tick(
        authority=authority(Authority.HUMAN, Reason.OVERRIDE_BUTTON), driver=DriverInput(kind=DriverKind.EXPERT)
    )
    shown = instruments_from_tick(by_expert)
    assert (shown.who, shown.why) == ("EXPERT", "expert took over")


def test_handing_back_shows_how_far_it_is():
    shown = instruments_from_tick(tick(authority=authority(Authority.HANDING_BACK, Reason.HAND_BACK_BUTTON, 0.4)))
    assert (shown.who, shown.progress) == ("HANDING BACK", 0.4)


def test_before_the_first_plan_the_policy_says_nothing():
    shown = instruments_from_tick(tick(plan=None))
    assert shown.policy == "No plan yet"
    assert math.isinf(shown.plan_age_s)


def test_reverse_is_shown():
    assert instruments_from_tick(tick(control=Control(reverse=True))).is_reversing


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (REASON_WORDS, Reason),
        (DIRECTION_WORDS, Direction),
        (SPEED_WORDS, SpeedAction),
        (COMMAND_WORDS, RouteCommand),
        (TONE_OF, Authority),
    ],
)
def test_everything_that_can_happen_has_words(table, kind):
    assert set(table) == set(kind)


@pytest.mark.parametrize(("metres", "words"), [(3.0, "now"), (43.0, "45 m"), (97.0, "95 m"), (204.0, "200 m")])
def test_distances_are_rounded_as_road_signs_are(metres, words):
    assert distance_words(RouteCommand.RIGHT, metres) == words


def test_following_the_road_has_no_distance():
    assert distance_words(RouteCommand.LANE_FOLLOW, 40.0) == ""
    assert distance_words(RouteCommand.RIGHT, math.inf) == ""


def test_flashing_stays_below_three_hertz():
    """WCAG 2.3.1: more than three flashes a second can harm."""
    on = [flash_is_on(0.01 * step) for step in range(1000)]
    flashes = sum(now and not before for before, now in itertools.pairwise(on))
    assert flashes / 10.0 < 3.0
    assert flashes == pytest.approx(10.0 / FLASH_PERIOD_S, abs=1)


def test_a_plan_made_from_an_older_frame_is_moved_to_where_the_car_is_now():
    """Planned at the origin heading east; the car has since driven 4 m and turned a quarter to the right."""
    path = plan_in_ego(PLAN, Pose(), Pose(x=4.0, yaw=math.pi / 2))
    np.testing.assert_allclose(path[:3], [[0.0, 4.0], [0.0, 0.0], [0.0, -4.0]], atol=1e-6)


def test_the_path_narrows_towards_the_middle_of_the_horizon():
    view = next(view for view in load_rig("desk_triple").views() if view.screen.name == "centre")
    straight = np.c_[np.linspace(0.0, 60.0, 7), np.zeros(7)]
    ribbon = ribbon_pixels(view, straight)
    widths = ribbon[:, 1, 0] - ribbon[:, 0, 0]
    assert (widths > 0).all()
    assert (np.diff(widths) < 0).all()
    horizon = view.screen.resolution_px[1] / 2
    assert (ribbon[..., 1] > horizon).all()
    assert ribbon[-1, :, 1].max() < horizon + 20


def test_a_path_behind_the_car_is_not_drawn():
    view = load_rig("single").views()[0]
    assert len(ribbon_pixels(view, np.array([[0.0, 0.0], [-5.0, 0.0], [-10.0, 0.0]]))) == 0


def test_a_car_that_plans_to_stand_has_no_path():
    view = load_rig("single").views()[0]
    assert len(ribbon_pixels(view, np.zeros((7, 2)))) == 0


def test_the_limit_is_the_roads_and_not_the_cars():
    assert instruments_from_tick(tick(ego=actor(speed_mps=30.0))).limit_kmh == round(ROUTE.speed_limit_mps * 3.6)
