"""What night, rain, fog and wet roads look like in the renderer's pictures, and that dry daylight stays as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, SceneState, StreetLamp
from sim.scene.weather import Weather

CAMERA = CameraView(320, 180, 90.0, x=-150.0, y=1.75, z=1.6)
SEDAN = (2.4462, 0.9184, 0.7454)
ROAD = np.s_[120:, 60:260]


NIGHT = Weather(sun_altitude_angle=-30.0)
WET_NIGHT = Weather(sun_altitude_angle=-30.0, wetness=100.0, precipitation_deposits=60.0)


def picture(renderer: Renderer, scene: SceneState, view: CameraView = CAMERA) -> np.ndarray:
    (image,) = renderer.draw(scene, [view])
    return image[..., 2::-1].astype(int)


def sedan(x: float, y: float, **changes) -> DrawnActor:
    return replace(DrawnActor(7, "vehicle.lincoln.mkz_2020", x, y, 0.0, 0.0, 0.0, 0.0, SEDAN), **changes)


def all_lamps(renderer: Renderer, lamp: StreetLamp) -> tuple[tuple[int, StreetLamp], ...]:
    return tuple((k, lamp) for k in range(len(renderer.town.scenery.lamps)))


def test_street_lamps_put_pools_of_light_on_the_road_and_can_be_switched_off(renderer):
    above = CameraView(240, 240, 90.0, x=-150.0, y=0.0, z=60.0, pitch=-np.pi / 2)
    lit = picture(renderer, SceneState(weather=NIGHT), above)
    dark = picture(renderer, SceneState(weather=NIGHT, street_lamps=all_lamps(renderer, StreetLamp(False))), above)
    assert lit.mean() > 1.3 * dark.mean()
    added = (lit - dark).mean(axis=2)
    assert np.percentile(added, 95) > 8 * max(np.percentile(added, 25), 1.0)


def test_a_street_lamps_colour_is_the_colour_of_its_light(renderer):
    blue = all_lamps(renderer, StreetLamp(colour_rgb=(40, 60, 255)))
    usual, changed = (picture(renderer, SceneState(weather=NIGHT, street_lamps=lamps))[ROAD] for lamps in ((), blue))
    assert usual[..., 0].mean() > 1.2 * usual[..., 2].mean()
    assert changed[..., 2].mean() > 1.5 * changed[..., 0].mean()


def test_headlights_light_the_road_before_their_car_and_not_behind_it(renderer):
    dark = all_lamps(renderer, StreetLamp(False))
    empty = picture(renderer, SceneState(weather=NIGHT, street_lamps=dark))
    ahead = picture(renderer, SceneState((sedan(-160.0, 1.75),), weather=NIGHT, street_lamps=dark))
    behind = picture(renderer, SceneState((sedan(-160.0, 1.75, yaw=np.pi),), weather=NIGHT, street_lamps=dark))
    assert (ahead - empty)[ROAD].mean() > 10
    assert (behind - empty)[ROAD].mean() < 2


def test_dark_windows_have_no_shining_bars(renderer):
    front = CameraView(320, 180, 90.0, x=-133.0, y=1.75, z=4.0, yaw=0.9)
    night = picture(renderer, SceneState(weather=NIGHT, street_lamps=all_lamps(renderer, StreetLamp(False))), front)
    bright = night.sum(axis=2) > 250
    beside = [np.roll(bright, shift, axis) for axis in (0, 1) for shift in (1, -1)]
    alone = bright & ~(beside[0] & beside[1]) & ~(beside[2] & beside[3])
    assert bright.sum() > 50  # some windows are lit
    assert alone.sum() < 0.25 * bright.sum()


def test_a_wet_road_mirrors_lamps_below_them(renderer):
    car = sedan(-132.0, 1.75, brake_light=True)
    dark = all_lamps(renderer, StreetLamp(False))
    red = {}
    for name, sky in (("dry", NIGHT), ("wet", WET_NIGHT)):
        with_car = picture(renderer, SceneState((car,), weather=sky, street_lamps=dark))
        below = with_car[115:150, 130:190]
        red[name] = (below[..., 0] - below[..., 2]).max()
    assert red["wet"] > red["dry"] + 15


def test_grass_mirrors_no_lamps(renderer):
    view = CameraView(320, 180, 90.0, x=-60.0, y=60.0, z=1.6)
    car = sedan(-40.0, 60.0, brake_light=True)
    dark = all_lamps(renderer, StreetLamp(False))
    images = [picture(renderer, SceneState((car,), weather=w, street_lamps=dark), view) for w in (NIGHT, WET_NIGHT)]
    below = np.abs(images[0] - images[1])[125:175, 130:190]
    assert below.max() < 12


def test_puddles_grow_with_the_deposits(renderer):
    def shine(deposits: float) -> float:
        sky = Weather(cloudiness=90.0, wetness=60.0, precipitation_deposits=deposits, sun_altitude_angle=40.0)
        return picture(renderer, SceneState(weather=sky))[95:125, 100:220].std()

    assert shine(70.0) > shine(5.0) + 1.0


def test_rain_falls_and_is_the_same_at_the_same_time(renderer):
    rain = Weather(cloudiness=90.0, precipitation=90.0, wetness=80.0)
    first, later, again = (picture(renderer, SceneState(weather=rain, time_s=t)) for t in (3.0, 3.1, 3.0))
    assert (first == again).all()
    assert (np.abs(first - later)[:90].sum(axis=2) > 12).mean() > 0.01


def test_fog_of_a_great_falloff_lies_on_the_ground(renderer):
    low = picture(renderer, SceneState(weather=Weather(fog_density=80.0, fog_falloff=5.0)))
    high = picture(renderer, SceneState(weather=Weather(fog_density=80.0, fog_falloff=0.05)))
    house = np.s_[20:60, 200:300]
    assert low[house].std() > high[house].std() + 3.0


def test_fog_begins_at_its_distance(renderer):
    near, far = (
        picture(renderer, SceneState(weather=Weather(fog_density=80.0, fog_distance=d)))[95:130, 120:200]
        for d in (0.0, 60.0)
    )
    clear = picture(renderer, SceneState(weather=Weather(fog_density=6.0, fog_distance=60.0)))[95:130, 120:200]
    assert np.abs(far - clear).mean() < 0.2 * np.abs(near - clear).mean()


def test_bad_weather_leaves_no_trace_in_dry_daylight(renderer):
    scene = SceneState((sedan(-135.0, 1.75, brake_light=True),))
    before = picture(renderer, scene)
    for sky in (NIGHT, WET_NIGHT, Weather(precipitation=100.0, cloudiness=100.0)):
        picture(renderer, replace(scene, weather=sky))
    assert (picture(renderer, scene) == before).all()
