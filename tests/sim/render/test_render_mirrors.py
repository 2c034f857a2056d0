"""A cabin's mirrors: where in them a vehicle behind is seen, under which lights, and what they leave as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.render.models.cabin import driver_eye
from sim.render.renderer import Renderer
from sim.scene.camera import pixel
from sim.scene.records import CameraView, DrawnActor, SceneState, Shows
from sim.scene.weather import Weather

MAP = Path(__file__).parents[3] / "assets" / "maps" / "millbrook.xodr"
SEDAN = (2.4462, 0.9184, 0.7454)
EGO = DrawnActor(7, "vehicle.lincoln.mkz_2020", -150.0, 1.75, 0.0, 0.0, 0.0, 0.0, SEDAN, colour_rgb=(60, 60, 60))
EYE = driver_eye(SEDAN)
AHEAD = CameraView(640, 360, 90.0, EGO.x + EYE[0], EGO.y + EYE[1], EGO.z + EYE[2], hidden_actor_id=7, cabin=True)
LEFT, RIGHT = replace(AHEAD, yaw=-0.95), replace(AHEAD, yaw=1.2)
GLASS = {"inner": (AHEAD, 0.444, 0.02, 0.085, 0.117, 0.027), "left": (LEFT, 0.473, -1.019, -0.285, 0.107, 0.065),
         "right": (RIGHT, 0.473, 1.019, -0.285, 0.107, 0.065)}  # fmt: skip
"""The view that has a mirror in its middle; where its glass is: ahead of the eye, aside of the car's middle, above the
eye; half width and half height (m)."""
NIGHT = Weather(sun_altitude_angle=-30.0)
RAIN = Weather(cloudiness=90.0, precipitation=90.0, wetness=80.0, precipitation_deposits=70.0)
DAY = Weather(sun_altitude_angle=50.0)


@pytest.fixture(scope="module")
def renderer():
    made = Renderer(MAP.read_text(), mirrors=True)
    yield made
    made.release()


@pytest.fixture(scope="module")
def plain():
    made = Renderer(MAP.read_text(), mirrors=False)
    yield made
    made.release()


def behind(back_m: float, aside_m: float, **more) -> DrawnActor:
    """A bright red sedan that drives behind the ego."""
    place = EGO.x - back_m, EGO.y + aside_m, 0.0, 0.0, 0.0, 0.0
    return DrawnActor(8, "vehicle.tesla.model3", *place, SEDAN, colour_rgb=(255, 0, 0), **more)


def corners(name: str, view: CameraView | None = None) -> tuple[CameraView, np.ndarray]:
    """The view, and (2, 2): columns and rows of the glass's upper left and lower right corner in it."""
    own, ahead, aside, above, w, h = GLASS[name]
    view = view or own
    places = [(view.x + ahead, EGO.y + aside + s * w, view.z + above - s * h) for s in (-0.9, 0.9)]
    return view, np.array([pixel(view, place)[:2] for place in places])


def in_mirror(renderer: Renderer, name: str, *others: DrawnActor, weather: Weather = DAY) -> np.ndarray:
    """(H, W, 3) RGB of a mirror's glass (its corners may show some of its frame)."""
    view, ends = corners(name)
    (image,) = renderer.draw(SceneState((EGO, *others), weather=weather), [view])
    low, high = ends.min(axis=0).astype(int), ends.max(axis=0).astype(int)
    return image[low[1] : high[1], low[0] : high[0], 2::-1].astype(int)


def redness(picture: np.ndarray) -> np.ndarray:
    """Where it is bright red."""
    return (picture[..., 0] > 90) & (picture[..., 0] > 2 * picture[..., 1]) & (picture[..., 0] > 2 * picture[..., 2])


def middle_column(mask: np.ndarray) -> float:
    """0 the glass's left end, 1 its right end."""
    return float(np.nonzero(mask)[1].mean()) / mask.shape[1]


def test_a_vehicle_behind_on_the_left_is_in_the_left_mirror_on_the_outer_side(renderer):
    seen = {name: redness(in_mirror(renderer, name, behind(15.0, -3.5))) for name in ("left", "right")}
    assert seen["left"].sum() > 40
    assert middle_column(seen["left"]) < 0.75  # the ego's own flank is at the right end
    assert not seen["right"].any()
    far_out = redness(in_mirror(renderer, "left", behind(15.0, -6.0)))
    assert middle_column(far_out) < middle_column(seen["left"])


def test_a_vehicle_behind_on_the_right_is_in_the_right_mirror_alone(renderer):
    seen = {name: redness(in_mirror(renderer, name, behind(15.0, 3.5))) for name in ("left", "right")}
    assert seen["right"].sum() > 5  # the right glass is narrow from the driver's eye
    assert not seen["left"].any()


@pytest.mark.parametrize(("aside_m", "low", "high"), [(0.0, 0.40, 0.60), (-3.0, 0.0, 0.42), (3.0, 0.58, 1.0)])
def test_a_vehicle_right_behind_is_in_the_inner_mirror_on_its_side(renderer, aside_m, low, high):
    seen = redness(in_mirror(renderer, "inner", behind(15.0, aside_m)))
    assert seen.sum() > 40
    assert low < middle_column(seen) < high


def test_what_is_ahead_is_in_no_mirror(renderer):
    for name in GLASS:
        assert not redness(in_mirror(renderer, name, behind(-15.0, -3.5))).any()


def test_up_is_up_in_a_mirror(renderer):
    glass = in_mirror(renderer, "inner")
    assert glass[:4].mean() > glass[-4:].mean() + 15  # sky over road


def test_headlights_behind_shine_in_the_mirror_by_night(renderer):
    dark, lit = (in_mirror(renderer, "inner", *others, weather=NIGHT) for others in ((), (behind(25.0, 0.0),)))
    middle = np.s_[10:, 50:100]
    assert lit[middle].min(axis=2).max() > 180  # white
    assert dark[middle].min(axis=2).max() < 120


def test_an_indicator_behind_blinks_in_the_mirror(renderer):
    lit, dark = (in_mirror(renderer, "left", behind(12.0, -3.5, left_indicator=on)) for on in (True, False))
    assert np.abs(lit - dark).max() > 80


@pytest.mark.parametrize("weather", [DAY, NIGHT, RAIN])
def test_only_the_glass_is_changed(renderer, plain, weather):
    scene = SceneState((EGO, behind(15.0, -3.5)), weather=weather)
    for view, glasses in ((AHEAD, ("inner",)), (LEFT, ("left",)), (RIGHT, ("right", "inner"))):
        (image,), (old,) = renderer.draw(scene, [view]), plain.draw(scene, [view])
        changed = (image != old).any(axis=2)
        for name in glasses:
            ends = np.sort(corners(name, view)[1], axis=0)
            spare = 0.7 * (ends[1] - ends[0])
            low, high = np.maximum(ends[0] - spare, 0).astype(int), np.maximum(ends[1] + spare, 0).astype(int)
            glass = changed[low[1] : high[1], low[0] : high[0]]
            assert glass.sum() > 0.6 * (ends[1] - ends[0]).prod()
            glass[...] = False
        assert not changed.any()


@pytest.mark.parametrize("weather", [DAY, NIGHT, RAIN])
def test_other_pictures_are_the_same_bytes_with_mirrors_and_without(renderer, plain, weather):
    scene = SceneState((EGO, behind(15.0, -3.5)), weather=weather)
    others = [replace(AHEAD, shows=shows) for shows in Shows if shows is not Shows.COLOUR]
    others += [replace(AHEAD, cabin=False), CameraView(192, 96, 100.0, EGO.x + 1.2, EGO.y, 1.6, hidden_actor_id=7)]
    alone = plain.draw(scene, others)
    for given in ([*others, AHEAD], [AHEAD, *others]):
        drawn = dict(zip(given, renderer.draw(scene, given), strict=True))
        assert all(np.array_equal(drawn[view], one) for view, one in zip(others, alone, strict=True))


def test_a_tick_gives_the_same_picture_whatever_was_drawn_before(renderer):
    scene = SceneState((EGO, behind(15.0, -3.5), replace(behind(40.0, 0.0), actor_id=9)))
    elsewhere = replace(AHEAD, x=behind(40.0, 0.0).x + EYE[0], hidden_actor_id=9)
    first, again = renderer.draw(scene, [AHEAD, AHEAD])
    after_another = renderer.draw(scene, [elsewhere, LEFT, AHEAD])[2]
    assert np.array_equal(first, again)
    assert np.array_equal(first, after_another)
    renderer.draw(SceneState((EGO,), weather=NIGHT), [AHEAD])
    assert np.array_equal(first, renderer.draw(scene, [AHEAD])[0])


def test_a_turned_car_on_a_slope_sees_the_same_vehicle(renderer):
    yaw, pitch = math.radians(90.0), math.radians(6.0)
    ego = replace(EGO, z=8.0, yaw=yaw, pitch=pitch)
    c, s = math.cos(pitch), math.sin(pitch)

    def world(x: float, y: float, z: float) -> tuple[float, float, float]:
        along, up = c * x - s * z, s * x + c * z
        return ego.x - y, ego.y + along, ego.z + up

    x, y, z = world(-15.0, 0.0, 0.0)
    other = replace(behind(0.0, 0.0), x=x, y=y, z=z, yaw=yaw, pitch=pitch)
    view = replace(AHEAD, **dict(zip("xyz", world(*EYE), strict=True)), yaw=yaw, pitch=pitch)
    (image,) = renderer.draw(SceneState((ego, other)), [view])
    ends = corners("inner")[1]
    low, high = ends.min(axis=0).astype(int), ends.max(axis=0).astype(int)
    seen = redness(image[low[1] : high[1], low[0] : high[0], 2::-1].astype(int))
    assert seen.sum() > 40
    assert 0.4 < middle_column(seen) < 0.6
