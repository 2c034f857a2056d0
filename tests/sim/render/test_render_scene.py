"""What the renderer puts into a picture, checked pixel by pixel against a pinhole camera on the town of Millbrook."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, DrawnLight, SceneState
from sim.scene.weather import Weather

# On Avenue West, eastbound (yaw 0), 30 m before the stop line of signal 201.
CAMERA = CameraView(320, 180, 90.0, x=-150.0, y=1.75, z=1.6)
SEDAN = (2.4462, 0.9184, 0.7454)
SIGNAL = DrawnLight(x=-118.35, y=8.2, z=0.0, yaw=0.0, state=0)


def picture(renderer: Renderer, scene: SceneState | None = None, view: CameraView = CAMERA) -> np.ndarray:
    """RGB as int, so that differences do not wrap."""
    (image,) = renderer.draw(scene or SceneState(), [view])
    return image[..., 2::-1].astype(int)


def sedan(x: float, y: float, **changes) -> DrawnActor:
    return replace(
        DrawnActor(7, "vehicle.lincoln.mkz_2020", x, y, 0.0, 0.0, 0.0, 0.0, SEDAN, colour_rgb=(200, 0, 0)), **changes
    )


def at_pixel(view: CameraView, x: float, y: float, z: float) -> tuple[int, int]:
    """Row and column of a world point for a level camera with yaw 0, by the pinhole formula."""
    f_px = view.width / 2.0 / math.tan(math.radians(view.fov_deg) / 2.0)
    depth = x - view.x
    return (
        round(view.height / 2.0 - f_px * (z - view.z) / depth),
        round(view.width / 2.0 + f_px * (y - view.y) / depth),
    )


def redness(rgb: np.ndarray) -> np.ndarray:
    return rgb[..., 0] - (rgb[..., 1] + rgb[..., 2]) / 2.0


def test_pictures_are_opaque_bgra_of_the_size_asked_for(renderer):
    views = [CAMERA, CameraView(224, 112, 70.0, -150.0, 1.75, 1.6), CameraView(97, 31, 110.0, -150.0, 1.75, 1.6)]
    images = renderer.draw(SceneState(), views)
    assert [image.shape for image in images] == [(180, 320, 4), (112, 224, 4), (31, 97, 4)]
    assert all(image.dtype == np.uint8 and image.flags["C_CONTIGUOUS"] for image in images)
    assert all((image[..., 3] == 255).all() for image in images)


def test_sky_is_above_and_blue_and_the_road_below_and_grey(renderer):
    rgb = picture(renderer)
    sky, road = rgb[:20, 140:180].reshape(-1, 3), rgb[150:, 190:230].reshape(-1, 3)
    assert (sky[:, 2] > sky[:, 0] + 40).all()
    assert np.ptp(road, axis=1).max() < 30
    assert 40 < road.mean() < 150
    assert sky.mean() > road.mean()


def test_a_red_car_is_where_the_pinhole_says(renderer):
    car = sedan(-130.0, 1.75)
    changed = np.abs(picture(renderer, SceneState((car,))) - picture(renderer)).sum(axis=2) > 60
    rear_x = car.x - SEDAN[0]
    top, left = at_pixel(CAMERA, rear_x, car.y - SEDAN[1], 2.0 * SEDAN[2])
    bottom, right = at_pixel(CAMERA, rear_x, car.y + SEDAN[1], 0.0)
    rows, columns = np.nonzero(changed & (redness(picture(renderer, SceneState((car,)))) > 25))
    assert abs(columns.min() - left) <= 2
    assert abs(columns.max() - right) <= 2
    assert rows.min() >= top - 1
    assert rows.max() <= bottom
    row, column = at_pixel(CAMERA, rear_x, car.y, 0.82)  # the boot, above the number plate
    r, g, b = picture(renderer, SceneState((car,)))[row, column]
    assert r > 1.6 * max(g, b)


def test_what_lies_at_plus_y_is_in_the_right_half(renderer):
    difference = np.abs(picture(renderer, SceneState((sedan(-138.0, 5.25),))) - picture(renderer)).sum(axis=2)
    columns = np.nonzero(difference > 60)[1]
    assert columns.min() > CAMERA.width / 2


@pytest.mark.parametrize(
    ("yaw_deg", "place"), [(90.0, (-150.0, 11.0)), (-90.0, (-150.0, -8.0)), (180.0, (-162.0, 1.75))]
)
def test_a_turned_camera_sees_that_side(renderer, yaw_deg, place):
    view = replace(CAMERA, yaw=math.radians(yaw_deg))
    difference = np.abs(picture(renderer, SceneState((sedan(*place),)), view) - picture(renderer, None, view))
    columns = np.nonzero(difference.sum(axis=2) > 60)[1]
    assert len(columns) > 100
    assert abs((columns.min() + columns.max()) / 2.0 - CAMERA.width / 2.0) < 25
    assert (picture(renderer, SceneState((sedan(*place),))) == picture(renderer)).all()


def test_positive_pitch_looks_up_and_positive_roll_lowers_the_right_side_of_the_camera(renderer):
    up = picture(renderer, None, replace(CAMERA, pitch=math.radians(60.0)))
    down = picture(renderer, None, replace(CAMERA, pitch=math.radians(-60.0)))
    assert (up[..., 2] - up[..., 0]).mean() > 40
    assert np.abs(down[..., 2] - down[..., 0]).mean() < 25
    rolled = picture(renderer, None, replace(CAMERA, roll=math.radians(30.0)))
    blue = (rolled[..., 2] - rolled[..., 0] > 40).astype(int)
    # The camera's right side hangs down, so on the picture's right the ground takes more room.
    assert blue[:90, :40].sum() > blue[:90, -40:].sum() + 200


def test_a_narrower_field_of_view_magnifies(renderer):
    car = SceneState((sedan(-130.0, 1.75),))
    spans = []
    for fov in (90.0, 45.0):
        view = replace(CAMERA, fov_deg=fov)
        change = np.abs(picture(renderer, car, view) - picture(renderer, None, view)).sum(axis=2)
        columns = np.nonzero((change > 60) & (redness(picture(renderer, car, view)) > 25))[1]
        spans.append(columns.max() - columns.min())
    assert spans[1] / spans[0] == pytest.approx(math.tan(math.radians(45.0)) / math.tan(math.radians(22.5)), rel=0.12)


def test_brake_lights_brighten(renderer):
    car = sedan(-138.0, 1.75, colour_rgb=(120, 120, 125))
    off, on = (picture(renderer, SceneState((replace(car, brake_light=lit),))) for lit in (False, True))
    for side in (-1.0, 1.0):
        row, column = at_pixel(CAMERA, car.x - SEDAN[0], car.y + side * 0.58, 0.70)
        patch = np.s_[row - 2 : row + 3, column - 2 : column + 3]
        assert redness(on[patch]).max() > redness(off[patch]).max() + 80


def test_indicators_blink_on_their_own_side(renderer):
    car = sedan(-138.0, 1.75, colour_rgb=(120, 120, 125), right_indicator=True)
    dark = picture(renderer, SceneState((replace(car, right_indicator=False),), time_s=0.1))
    lit = picture(renderer, SceneState((car,), time_s=0.1))
    gone = picture(renderer, SceneState((car,), time_s=0.5))
    columns = np.nonzero(np.abs(lit - dark).sum(axis=2) > 60)[1]
    assert columns.min() > CAMERA.width / 2
    assert (gone == dark).all()


@pytest.mark.parametrize(
    ("state", "expected_rgb"),
    [(0, (1.0, 0.0, 0.0)), (1, (1.0, 0.75, 0.0)), (2, (0.0, 1.0, 0.4))],
    ids=["red", "yellow", "green"],
)
@pytest.mark.parametrize("size", [(640, 360), (224, 112)])
def test_a_light_shows_its_colour_from_30_metres(renderer, state, expected_rgb, size):
    view = replace(CAMERA, width=size[0], height=size[1])
    lit = picture(renderer, SceneState(lights=(replace(SIGNAL, state=state),)), view)
    off = picture(renderer, SceneState(lights=(replace(SIGNAL, state=3),)), view)
    row, column = at_pixel(view, SIGNAL.x - 0.3, SIGNAL.y, 3.0 + (1 - state) * 0.36)
    change = (lit - off)[row - 3 : row + 4, column - 3 : column + 4].reshape(-1, 3)
    strongest = change[np.argmax(np.abs(change).sum(axis=1))]
    assert strongest.max() > 60
    assert strongest @ np.array(expected_rgb) / np.linalg.norm(strongest) / np.linalg.norm(expected_rgb) > 0.9


def test_a_light_is_repeated_across_the_junction(renderer):
    at_the_line = replace(CAMERA, x=-117.0)
    lit = picture(renderer, SceneState(lights=(SIGNAL,)), at_the_line)
    off = picture(renderer, SceneState(lights=(replace(SIGNAL, state=3),)), at_the_line)
    assert redness(lit - off).max() > 80


def test_a_light_is_dark_from_behind(renderer):
    behind = replace(CAMERA, x=SIGNAL.x + 20.0, y=SIGNAL.y, yaw=math.pi)
    lit = picture(renderer, SceneState(lights=(SIGNAL,)), behind)
    off = picture(renderer, SceneState(lights=(replace(SIGNAL, state=3),)), behind)
    assert np.abs(lit - off).max() < 12


def test_the_own_vehicle_is_left_out_with_its_shadow(renderer):
    car = sedan(-149.5, 1.75)
    inside = picture(renderer, SceneState((car,)), replace(CAMERA, hidden_actor_id=7))
    empty = picture(renderer, SceneState(), replace(CAMERA, hidden_actor_id=7))
    assert (inside == empty).all()
    assert (picture(renderer, SceneState((car,))) != empty).any()


def test_fog_lightens_the_distance_and_leaves_the_near(renderer):
    far, near = np.s_[84:89, 148:180], np.s_[165:, 120:200]
    clear, foggy = picture(renderer), picture(renderer, SceneState(weather=Weather(fog_density=60.0)))
    assert foggy[far].std() < 0.4 * clear[far].std()
    assert foggy[far].mean() > 150
    assert abs(foggy[near].mean() - clear[near].mean()) < 45


def test_night_is_dark_but_lamps_shine(renderer):
    car = sedan(-120.0, -1.75, yaw=math.pi)
    night = picture(renderer, SceneState((car,), weather=Weather(sun_altitude_angle=-30.0)))
    day = picture(renderer, SceneState((car,)))
    assert night.mean() < 0.45 * day.mean()  # street lamps light the road
    row, column = at_pixel(CAMERA, car.x - SEDAN[0], car.y, 0.6)
    assert night[row - 3 : row + 4, column - 8 : column + 9].max() > 200


def test_clouds_grey_the_sky_and_take_the_shadows(renderer):
    clear, cloudy = picture(renderer), picture(renderer, SceneState(weather=Weather(cloudiness=95.0)))
    blue = [(p[:20, :, 2] - p[:20, :, 0]).mean() for p in (clear, cloudy)]
    assert blue[1] < 0.35 * blue[0]
    assert cloudy[150:].std() < clear[150:].std()


def test_lane_marks_are_yellow_in_the_middle_and_white_at_the_side(renderer):
    rgb = picture(renderer)
    row, column = at_pixel(CAMERA, CAMERA.x + 6.0, 0.12, 0.0)
    r, g, b = rgb[row, column - 1 : column + 2].max(axis=0)
    assert min(r, g) > 1.4 * b
    white = at_pixel(CAMERA, CAMERA.x + 12.0, 7.0, 0.0)
    patch = rgb[white[0], white[1] - 3 : white[1] + 4]
    assert patch.min(axis=1).max() > 1.5 * np.median(patch)


def test_walkers_stand_on_their_feet(renderer):
    person = DrawnActor(9, "walker.pedestrian.0002", -140.0, 3.0, 0.93, 0.0, 0.0, 0.0, (0.1875, 0.1875, 0.93))
    rows, columns = np.nonzero(np.abs(picture(renderer, SceneState((person,))) - picture(renderer)).sum(axis=2) > 60)
    top, middle = at_pixel(CAMERA, person.x, person.y, 1.86)
    bottom, _ = at_pixel(CAMERA, person.x, person.y, 0.0)
    assert abs(rows.min() - top) <= 3
    assert abs(rows.max() - bottom) <= 4
    assert abs(np.median(columns) - middle) <= 3


@pytest.mark.parametrize(
    ("type_id", "extent_m"),
    [
        ("vehicle.carlamotors.firetruck", (4.234, 1.4455, 1.91375)),
        ("vehicle.mercedes.sprinter", (2.9576, 0.9942, 1.28035)),
        ("vehicle.never.heard.of", (2.0, 0.9, 0.8)),
        ("vehicle.some.bicycle", (0.9, 0.2, 0.8)),
        ("static.prop.trafficcone01", (0.43, 0.43, 0.59)),
        ("static.prop.streetbarrier", (0.18, 0.61, 0.53)),
        ("static.prop.never.heard.of", (0.5, 0.5, 0.5)),
    ],
)
def test_every_blueprint_fills_its_bounding_box(renderer, type_id, extent_m):
    far = replace(CAMERA, x=-150.0 - extent_m[0])
    thing = DrawnActor(3, type_id, -140.0, 1.75, 0.0, 0.0, 0.0, 0.0, extent_m, colour_rgb=(250, 0, 250))
    overcast = SceneState(weather=Weather(cloudiness=100.0))  # no shadow is thrown beyond the box
    with_thing = picture(renderer, replace(overcast, actors=(thing,)), far)
    changed = np.abs(with_thing - picture(renderer, overcast, far)).sum(axis=2) > 60
    rows, columns = np.nonzero(changed)
    top, left = at_pixel(far, thing.x - extent_m[0], thing.y - extent_m[1], 2.0 * extent_m[2])
    _, right = at_pixel(far, thing.x - extent_m[0], thing.y + extent_m[1], 0.0)
    width = right - left
    assert len(rows) > 30
    assert columns.min() >= left - 0.25 * width - 2
    assert columns.max() <= right + 0.25 * width + 2
    assert rows.min() >= top - 4


def test_the_same_scene_gives_the_same_bytes(renderer):
    scene = SceneState((sedan(-135.0, 1.75, brake_light=True),), (SIGNAL,), Weather(cloudiness=40.0), 12.3)
    first = renderer.draw(scene, [CAMERA])[0].tobytes()
    renderer.draw(SceneState(weather=Weather(fog_density=80.0)), [CAMERA])
    again = renderer.draw(scene, [replace(CAMERA, yaw=1.0), CAMERA])[1].tobytes()
    assert first == again
