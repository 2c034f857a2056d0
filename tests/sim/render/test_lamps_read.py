"""Brake lights and indicators as the shipped policy's camera shows them: told from unlit ones at 20, 40 and 60 m."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, SceneState
from sim.scene.weather import CLEAR_NOON, Weather
from sim.world.blueprints import BLUEPRINTS

EGO_X_M, LANE_Y_M = -190.0, 1.75
# 192 by 96 pixels over 100 degrees, as in assets/policies/small/policy.json; a pixel is 0.75 m wide at 60 m.
EYE = CameraView(192, 96, 100.0, EGO_X_M + 1.2, LANE_Y_M, 1.6, pitch=math.radians(6.0), hidden_actor_id=1)
SKIES = {
    "day": CLEAR_NOON,
    "dusk": Weather(sun_altitude_angle=2.0),
    "night": Weather(sun_altitude_angle=-30.0),
}
VEHICLES = (
    "vehicle.lincoln.mkz_2020",
    "vehicle.audi.a2",
    "vehicle.carlamotors.firetruck",
    "vehicle.yamaha.yzf",
)
CLEARLY = 80
"""Of 255, in a pixel's strongest channel."""
A_LITTLE, PIXELS = 30, 3
LEAST = (
    ("day", "brake_light", 120),
    ("day", "left_indicator", 120),
    ("night", "brake_light", 90),
    ("night", "left_indicator", 140),
)
"""Of 255, how much some pixel changes at least at 60 m, for docs/pictures.md."""
BICYCLES = ("vehicle.bh.crossbike", "vehicle.diamondback.century", "vehicle.gazelle.omafiets")
"""They have no indicators."""
PLACES_M = (0.0, 0.37)
"""Further on: pixels must not be met by chance."""


def drawn(type_id: str, x: float, y: float, **lit: bool) -> DrawnActor:
    extent_m = BLUEPRINTS[type_id].extent_m
    number = 1 if x == EGO_X_M else 7
    actor = DrawnActor(number, type_id, x, y, 0.0, 0.0, 0.0, 0.0, extent_m, colour_rgb=(150, 20, 20))
    return replace(actor, **lit)  # pyright: ignore[reportArgumentType]


def change(renderer: Renderer, sky: Weather, type_id: str, away_m: float, lamp: str, **also: bool) -> np.ndarray:
    """How much each pixel changes when a lamp goes on at the back of a red vehicle ahead."""
    pictures = []
    for lit in ({}, {lamp: True}):
        ego = drawn("vehicle.lincoln.mkz_2020", EGO_X_M, LANE_Y_M)
        ahead = drawn(type_id, EYE.x + away_m + BLUEPRINTS[type_id].extent_m[0], LANE_Y_M, **also, **lit)
        (image,) = renderer.draw(SceneState((ego, ahead), weather=sky, time_s=0.1), [EYE])
        pictures.append(image[..., :3].astype(int))
    return np.abs(pictures[1] - pictures[0]).max(axis=2)


@pytest.mark.parametrize("sky", SKIES)
@pytest.mark.parametrize("type_id", VEHICLES)
@pytest.mark.parametrize(
    ("lamp", "also"),
    [("brake_light", {}), ("left_indicator", {}), ("right_indicator", {"brake_light": True})],
    ids=["brake", "indicator", "indicator-while-braking"],
)
def test_a_lamp_is_told_apart_from_an_unlit_one_in_the_policys_camera(renderer, sky, type_id, lamp, also):
    for away_m in (20.0, 40.0, 60.0):
        for further_m in PLACES_M:
            changed = change(renderer, SKIES[sky], type_id, away_m + further_m, lamp, **also)
            assert changed.max() >= CLEARLY, f"at {away_m + further_m} m"
            assert (changed > A_LITTLE).sum() >= PIXELS, f"at {away_m + further_m} m"


@pytest.mark.parametrize(("sky", "lamp", "least"), LEAST, ids=[f"{lamp}-{sky}" for sky, lamp, _ in LEAST])
def test_lamps_of_every_vehicle_are_read_at_sixty_metres(renderer, sky, lamp, least):
    found = {}
    for type_id in (name for name in BLUEPRINTS if name.startswith("vehicle.")):
        if lamp != "left_indicator" or type_id not in BICYCLES:
            found[type_id] = int(change(renderer, SKIES[sky], type_id, 60.0, lamp).max())
    assert len(found) > 30
    assert min(found.values()) >= least, min(found, key=found.__getitem__)


def test_left_and_right_indicators_of_a_car_sixty_metres_ahead_lie_apart(renderer):
    middles = []
    for lamp in ("left_indicator", "right_indicator"):
        changed = change(renderer, CLEAR_NOON, "vehicle.lincoln.mkz_2020", 60.0, lamp)
        middles.append(float((changed.sum(axis=0) * np.arange(EYE.width)).sum() / changed.sum()))
    assert middles[1] - middles[0] > 1.5  # pixels
