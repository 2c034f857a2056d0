"""The numbers of `takeover rig check`, on rooms whose numbers are known."""

from __future__ import annotations

import pytest

from cockpit.rig.report import figures_of
from cockpit.rig.rig import Rig, load_rig


def room(*screens):
    base = {"size_m": (2.0, 2.0), "resolution_px": (900, 900)}
    made = [{"name": f"s{index}", **base, **screen} for index, screen in enumerate(screens)]
    return Rig.model_validate({"name": "room", "eye_in_vehicle_m": (0, 0, 1), "screens": made})


WALLS = [
    {"position_m": (1.0, 0.0, 0.0)},
    {"position_m": (0.0, 1.0, 0.0), "yaw_deg": 90},
    {"position_m": (0.0, -1.0, 0.0), "yaw_deg": -90},
    {"position_m": (-1.0, 0.0, 0.0), "yaw_deg": 180},
    {"position_m": (0.0, 0.0, -1.0), "pitch_deg": -90},
    {"position_m": (0.0, 0.0, 1.0), "pitch_deg": 90},
]
SPHERE_DEG2 = 41252.96


def test_a_cube_around_the_eye_covers_everything_once():
    figures = figures_of(room(*WALLS))
    assert figures.seen_deg2 == pytest.approx(SPHERE_DEG2, rel=0.002)
    assert figures.overlaps == ()
    assert figures.gaps_deg == ()
    assert figures.enclosed_deg2 == pytest.approx(0.0, abs=1.0)


def test_one_wall_of_the_cube_is_a_sixth_of_the_view():
    figures = figures_of(room(WALLS[0]))
    assert figures.seen_deg2 == pytest.approx(SPHERE_DEG2 / 6, rel=0.01)
    assert figures.screens[0].across_deg == pytest.approx(90.0)
    assert figures.screens[0].pixels_per_degree[0] == pytest.approx(450 * 0.0174533, rel=0.01)
    assert figures.screens[0].pixels_per_degree[2] > 1.8 * figures.screens[0].pixels_per_degree[0]
    assert figures.wasted_px == pytest.approx(0, abs=10)


def test_a_missing_wall_among_five_is_a_hole():
    figures = figures_of(room(*WALLS[1:]))
    assert figures.gaps_deg == (pytest.approx((-45.0, 45.0)),)
    assert figures.enclosed_deg2 == pytest.approx(SPHERE_DEG2 / 6, rel=0.01)


def test_two_screens_on_top_of_each_other_overlap():
    figures = figures_of(room(WALLS[0], {"position_m": (1.0, 1.0, 0.0)}))
    assert [pair[:2] for pair in figures.overlaps] == [("s0", "s1")]
    assert figures.overlaps[0][2] == pytest.approx(SPHERE_DEG2 / 12, rel=0.02)


def test_the_floor_of_the_cave_leaves_no_hole_but_a_curved_monitor_has_an_even_grain():
    cave = figures_of(load_rig("cave_floor"))
    assert cave.gaps_deg == ()
    assert cave.enclosed_deg2 == pytest.approx(0.0, abs=5.0)
    curved = figures_of(load_rig("desk_curved")).screens[0]
    assert curved.across_deg == pytest.approx(84.0, abs=6.0)
    assert curved.pixels_per_degree[2] / curved.pixels_per_degree[1] < 1.5
