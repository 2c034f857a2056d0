"""Walkers as they are drawn: feet together when they stand; the stride follows the distance that they walked."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.render.models.poses import posed, sink_m, stride, turns
from sim.render.models.walkers import Wear, look_of, walker
from sim.scene.records import CameraView, DrawnActor, SceneState, Shows

EXTENT_M = (0.19, 0.19, 0.93)
PHASES = 8
MODEL = walker("walker.pedestrian.0001", EXTENT_M)


def person(phase: float) -> DrawnActor:
    return DrawnActor(7, "walker.pedestrian.0001", -146.0, 1.75, EXTENT_M[2], 0.0, 0.0, 0.0, EXTENT_M, stride=phase)


def low_points(phase: float) -> np.ndarray:
    """Of both feet, above or below the ground."""
    points, _ = posed(MODEL, turns(person(phase)), 0)
    feet = points[MODEL.vertices["position"][:, 2] < -0.8 * EXTENT_M[2]]
    return feet + np.array([0.0, 0.0, EXTENT_M[2] - sink_m(person(phase))])


def feet_apart_m(phase: float) -> float:
    return float(np.ptp(low_points(phase)[:, 0]))


def test_who_stands_has_both_feet_together():
    assert feet_apart_m(-1.0) < 0.5 * feet_apart_m(0.0)


def test_a_stride_swings_the_legs_and_comes_round():
    """Legs are furthest apart at the two ends of the stride and pass each other between them."""
    apart = [feet_apart_m(k / PHASES) for k in range(PHASES)]
    assert apart[0] > apart[PHASES // 4] < apart[PHASES // 2]
    assert math.isclose(apart[0], apart[PHASES // 2], rel_tol=0.05)


def test_one_foot_is_on_the_ground_all_the_way():
    for k in range(4 * PHASES):
        assert abs(low_points(k / (4 * PHASES))[:, 2].min()) < 0.07


def test_arms_swing_against_the_legs():
    """At the beginning of a stride the right leg and the left arm are in front."""
    points, _ = posed(MODEL, turns(person(0.0)), 0)
    rest = MODEL.vertices["position"]
    moved = points[:, 0] - rest[:, 0]
    feet, hands = rest[:, 2] < -0.9 * EXTENT_M[2], (np.abs(rest[:, 1]) > 0.2) & (rest[:, 2] < 0.1)
    right = rest[:, 1] > 0.0
    assert moved[feet & right].min() > 0.0 > moved[feet & ~right].max()
    assert moved[hands & ~right].max() > 0.0 > moved[hands & right].min()


def test_the_picture_has_the_pose_that_rays_meet(renderer):
    """The graphics card turns legs by the same rule as `posed`: both show the same silhouette from the side."""
    side = CameraView(240, 240, 40.0, x=-146.0, y=-1.25, z=1.2, yaw=math.pi / 2, shows=Shows.INSTANCE)
    f_px = 120.0 / math.tan(math.radians(20.0))
    for k in (0, 1, 3, 6):
        actor = replace(person(k / PHASES), z=1.2)  # the ground would hide soles
        (image,) = renderer.draw(SceneState((actor,)), [side])
        rows, columns = np.nonzero(image[..., 1] == 7)
        points, indices = posed(MODEL, turns(actor), 0)
        seen = points[np.unique(indices)] + [actor.x, actor.y, actor.z - sink_m(actor)]
        depth = seen[:, 1] - side.y
        across, up = 120.0 - f_px * (seen[:, 0] - side.x) / depth, 120.0 - f_px * (seen[:, 2] - side.z) / depth
        assert np.allclose([columns.min(), columns.max() + 1], [across.min(), across.max()], atol=2.0)
        assert np.allclose([rows.min(), rows.max() + 1], [up.min(), up.max()], atol=2.0)


@given(st.floats(-500.0, 500.0), st.floats(-500.0, 500.0), st.floats(-3.2, 3.2), st.floats(0.9, 2.0))
def test_the_stride_follows_the_way_gone_whatever_the_direction(x_m, y_m, yaw, height_m):
    half_m = 0.4 * height_m
    here, there = (
        stride(x_m + way_m * math.cos(yaw), y_m + way_m * math.sin(yaw), yaw, height_m, 1.4) for way_m in (0.0, half_m)
    )
    assert 0.0 <= here <= 1.0
    assert abs((there - here) % 1.0 - 0.5) < 1e-6
    assert stride(x_m, y_m, yaw, height_m, 0.0) == -1.0


def test_people_differ_in_clothes_hair_and_build_and_all_fit_their_boxes():
    looks = [look_of(number) for number in range(1, 53)]
    assert len({(look.wear, look.hair, look.trousers, look.long_hair, look.cap, look.bag) for look in looks}) > 40
    assert {look.wear for look in looks} == set(Wear)
    for number in range(1, 53):
        model = walker(f"walker.pedestrian.{number:04d}", EXTENT_M)
        low, high = model.vertices["position"].min(axis=0), model.vertices["position"].max(axis=0)
        assert abs(low[2] + EXTENT_M[2]) < 0.02
        assert abs(high[2] - EXTENT_M[2]) < 0.06
        assert np.abs([low[:2], high[:2]]).max() < 0.36


def test_a_person_ten_metres_away_is_of_many_colours(renderer):
    """Skin, hair, what is worn above and below, and shoes are told apart."""
    view = CameraView(640, 360, 60.0, -156.0, 1.75, 1.6, pitch=-0.05)
    for number in (1, 13, 22):
        actor = replace(person(-1.0), type_id=f"walker.pedestrian.{number:04d}", yaw=math.pi)
        labels, colour = renderer.draw(SceneState((actor,)), [replace(view, shows=Shows.TAG), view])
        own = colour[labels[..., 2] == 12][:, :3].astype(int)
        kinds, count = np.unique(own // 48, axis=0, return_counts=True)
        assert (count > 0.02 * len(own)).sum() >= 4, kinds
