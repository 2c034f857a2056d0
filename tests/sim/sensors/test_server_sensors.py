"""Every sensor as CARLA's own client receives it: its classes and numbers, against surfaces at known places."""

import math

import carla
import numpy as np
import pytest

from tests.sim.server.server_process import STEP_S, Listening, client_of, serving, spawn_car, synchronous_world

WAIT_S = 60.0
BOX = "static.prop.box01"
BOX_HALF_X_M, BOX_HALF_Y_M = 0.31, 0.26
PLACE = carla.Transform(carla.Location(-150.0, 1.75, 0.0))
"""On Avenue West, looking along +x over a straight level road."""


@pytest.fixture(scope="module")
def world():
    with serving(rendering=True) as port:
        client = client_of(port)
        client.set_timeout(120.0)
        yield synchronous_world(client)


@pytest.fixture
def scene(world):
    """An empty world, from which the actors of a test are removed after it."""
    made = Scene(world)
    yield made
    made.clear()


class Scene:
    def __init__(self, world):
        self.world = world
        self.actors = []

    def spawn(self, name, place=PLACE, parent=None, **attributes):
        blueprint = self.world.get_blueprint_library().find(name)
        for key, value in attributes.items():
            blueprint.set_attribute(key, str(value))
        actor = self.world.spawn_actor(blueprint, place, attach_to=parent)
        self.actors.append(actor)
        return actor

    def listen(self, name, place=PLACE, parent=None, **attributes):
        return Listening(self.spawn(name, place, parent, **attributes))

    def car(self, x=0.0, y=0.0):
        car = spawn_car(self.world, at(x, y))
        self.actors.append(car)
        return car

    def tick(self, *listeners, ticks=1):
        """The measurements of these listeners in the last of some ticks; a single one by itself."""
        for _ in range(ticks):
            frame = self.world.tick()
            data = [listening.get(timeout=WAIT_S) for listening in listeners]
            assert all(one.frame == frame for one in data)
        return data[0] if len(data) == 1 else data

    def clear(self):
        for actor in reversed(self.actors):
            if isinstance(actor, carla.Sensor) and actor.is_listening:
                actor.stop()
            actor.destroy()
        self.world.tick()


def at(x=0.0, y=0.0, z=0.0, yaw=0.0, pitch=0.0):
    """Metres ahead of, right of and above `PLACE`."""
    here = PLACE.location
    return carla.Transform(carla.Location(here.x + x, here.y + y, here.z + z), carla.Rotation(pitch=pitch, yaw=yaw))


def pixels(image):
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def depth_m(image):
    bgra = pixels(image).astype(float)
    return (bgra[..., 2] + bgra[..., 1] * 256.0 + bgra[..., 0] * 65536.0) / (256.0**3 - 1.0) * 1000.0


def tags_of(image):
    return pixels(image)[..., 2]


CAMERA = {"image_size_x": 160, "image_size_y": 90, "fov": 90}


def test_depth_of_a_box_and_of_the_road_is_right_to_a_centimetre(scene):
    scene.spawn(BOX, at(3.0))
    camera = scene.listen("sensor.camera.depth", at(0.0, z=0.3), **CAMERA)
    depth = depth_m(scene.tick(camera))
    face = depth[46:50, 76:79]  # beside the box's ribbon
    assert face == pytest.approx(3.0 - BOX_HALF_X_M, abs=0.01)
    row = 70
    below_m = 0.3 / ((row + 0.5 - 45.0) / 80.0)  # pinhole: 80 pixels focal length
    assert depth[row, 20] == pytest.approx(below_m, abs=0.01)


def test_carlas_own_converters_make_the_right_pictures(scene):
    scene.spawn(BOX, at(3.0))
    depth, tags = scene.tick(
        scene.listen("sensor.camera.depth", at(z=0.3), **CAMERA),
        scene.listen("sensor.camera.semantic_segmentation", at(z=0.3), **CAMERA),
    )
    metres = depth_m(depth)
    tags.convert(carla.ColorConverter.CityScapesPalette)
    assert pixels(tags)[80, 80, 2::-1].tolist() == [128, 64, 128]  # Cityscapes' road
    assert pixels(tags)[5, 80, 2::-1].tolist() == [70, 130, 180]  # and sky
    depth.convert(carla.ColorConverter.Depth)
    assert pixels(depth).shape == (90, 160, 4)
    assert pixels(depth)[..., 0] == pytest.approx(np.floor(metres / 1000.0 * 255.0), abs=1.0)
    logarithmic = scene.tick(scene.listen("sensor.camera.depth", at(z=0.3), **CAMERA))
    logarithmic.convert(carla.ColorConverter.LogarithmicDepth)
    by_formula = np.clip(1.0 + np.log(metres / 1000.0) / 5.70378, 0.005, 1.0) * 255.0
    assert pixels(logarithmic)[..., 0] == pytest.approx(by_formula, abs=1.5)


def test_semantic_tags_are_carlas_numbers_at_known_places(scene):
    scene.spawn("walker.pedestrian.0001", at(6.0, 2.5, 0.93))
    scene.car(8.0)
    scene.spawn(BOX, at(3.0, -1.2))
    tags = tags_of(scene.tick(scene.listen("sensor.camera.semantic_segmentation", at(z=1.2), **CAMERA)))
    label = carla.CityObjectLabel
    assert tags[45, 80] == int(label.Car)
    assert tags[60, 80] == int(label.Roads)
    assert tags[2, 80] == int(label.Sky)
    assert tags[45 + round((1.2 - 0.93) / 6.0 * 80), 80 + round(2.5 / 6.0 * 80)] == int(label.Pedestrians)
    assert tags[45 + round(1.0 / 2.7 * 80), 80 - round(1.2 / 2.7 * 80)] == int(label.Dynamic)
    assert {int(label.Buildings), int(label.Sidewalks), int(label.RoadLines), int(label.Vegetation)} <= set(tags.flat)


def test_instances_carry_tag_and_actor_id_and_buildings_differ(scene):
    cars = [scene.car(8.0, -2.0), scene.car(8.0, 2.5)]
    image = pixels(scene.tick(scene.listen("sensor.camera.instance_segmentation", at(z=1.0), **CAMERA)))
    thing = image[..., 0].astype(int) * 256 + image[..., 1]
    for car, column in zip(cars, (80 - 26, 80 + 34), strict=True):
        assert image[48, column, 2] == int(carla.CityObjectLabel.Car)
        assert thing[48, column] == car.id & 0xFFFF
    assert len(np.unique(thing[image[..., 2] == int(carla.CityObjectLabel.Buildings)])) >= 3


def test_all_cameras_of_one_place_see_the_same_geometry(scene):
    scene.car(8.0)
    names = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")
    colour, depth, tags, things = scene.tick(
        *(scene.listen(f"sensor.camera.{name}", at(z=1.5), **CAMERA) for name in names)
    )
    assert isinstance(colour, carla.Image)
    assert (tags_of(things) == tags_of(tags)).all()
    sky = tags_of(tags) == int(carla.CityObjectLabel.Sky)
    assert (depth_m(depth)[sky] == 1000.0).all()
    blue = pixels(colour).astype(int)
    assert (blue[..., 0] > blue[..., 2])[:10][sky[:10]].mean() > 0.95


def points_of(measurement):
    return np.frombuffer(measurement.raw_data, "<f4").reshape(-1, 4)


SEMANTIC = np.dtype([("xyz", "<f4", 3), ("cos", "<f4"), ("actor", "<u4"), ("tag", "<u4")])
QUIET = {"dropoff_general_rate": 0, "dropoff_intensity_limit": 1e-6, "dropoff_zero_intensity": 0}
LIDAR = {"channels": 16, "points_per_second": 160_000, "rotation_frequency": 20, "range": 40}


def test_lidar_points_lie_on_the_road_and_on_the_box(scene):
    scene.spawn(BOX, at(3.0))
    lidar = scene.listen("sensor.lidar.ray_cast", at(z=1.0), upper_fov=0, lower_fov=-30, **LIDAR, **QUIET)
    scan = scene.tick(lidar)
    assert isinstance(scan, carla.LidarMeasurement)
    assert scan.channels == 16
    assert sum(scan.get_point_count(k) for k in range(16)) == len(scan)
    points = points_of(scan)
    near = points[np.hypot(points[:, 0], points[:, 1] + 0.5) < 2.2]
    assert len(near) > 100
    assert near[:, 2] == pytest.approx(-1.0, abs=0.02)
    box = points[(points[:, 2] > -0.95) & (np.abs(points[:, 1]) < BOX_HALF_Y_M) & (np.abs(points[:, 0] - 3) < 0.5)]
    assert len(box) > 5
    assert (np.abs(box[:, 0] - 3.0) <= BOX_HALF_X_M * 1.02).all()
    assert points[:, 3] == pytest.approx(np.exp(-0.004 * np.linalg.norm(points[:, :3], axis=1)), abs=1e-4)
    assert np.linalg.norm(points[:, :3], axis=1).max() <= 40.0


def test_semantic_lidar_knows_cars_and_walkers_by_id_and_tag(scene):
    car = scene.car(8.0)
    walker = scene.spawn("walker.pedestrian.0001", at(5.0, 3.0, 0.93))
    lidar = scene.listen("sensor.lidar.ray_cast_semantic", at(z=1.5), upper_fov=5, lower_fov=-25, **LIDAR)
    scan = scene.tick(lidar)
    assert isinstance(scan, carla.SemanticLidarMeasurement)
    rows = np.frombuffer(scan.raw_data, SEMANTIC)
    label = carla.CityObjectLabel
    for actor, tag in ((car, label.Car), (walker, label.Pedestrians)):
        hit = rows[rows["actor"] == actor.id]
        assert len(hit) > 10
        assert (hit["tag"] == int(tag)).all()
        offset = hit["xyz"] + [PLACE.location.x, PLACE.location.y, 1.5]
        box, where = actor.bounding_box, actor.get_transform()
        box.extent += carla.Vector3D(0.25, 0.2, 0.05)  # door mirrors, arms and a striding foot stick out
        assert all(box.contains(carla.Location(*map(float, p)), where) for p in offset)
    road = rows[(rows["tag"] == int(label.Roads)) & (np.linalg.norm(rows["xyz"], axis=1) < 10.0)]
    assert (road["actor"] == 0).all()
    expected = 1.5 / np.linalg.norm(road["xyz"], axis=1)  # the ray's angle to the level road
    assert road["cos"] == pytest.approx(expected, abs=0.01)
    assert int(label.Buildings) in rows["tag"]


def test_a_lidar_on_a_roof_turns_with_its_frequency_and_loses_the_share_that_is_set(scene):
    car = scene.car()
    mount = carla.Transform(carla.Location(z=2.4))
    quarter = {"channels": 8, "points_per_second": 80_000, "rotation_frequency": 5, "range": 60}
    whole = scene.listen("sensor.lidar.ray_cast", mount, car, **quarter, **QUIET)
    lossy = scene.listen(
        "sensor.lidar.ray_cast", mount, car, **quarter, **(QUIET | {"dropoff_general_rate": 0.45}), noise_seed=3
    )
    seen = []
    for _ in range(4):
        scan, some = scene.tick(whole, lossy)
        azimuth = np.degrees(np.arctan2(points_of(scan)[:, 1], points_of(scan)[:, 0])) % 360.0
        start = (math.degrees(scan.horizontal_angle) - 180.0) % 360.0
        assert ((azimuth - start + 1.0) % 360.0 < 92.0).all()
        seen.append(round(start))
        assert len(some) / len(scan) == pytest.approx(0.55, abs=0.05)
    assert sorted(seen) == [0, 90, 180, 270]


def test_the_same_seed_gives_the_same_noise_and_another_gives_another(scene):
    where, noisy = at(z=1.0), LIDAR | {"noise_stddev": 0.1}
    lidars = [scene.listen("sensor.lidar.ray_cast", where, **noisy, noise_seed=seed) for seed in (5, 5, 6)]
    imus = [scene.listen("sensor.other.imu", where, noise_accel_stddev_x=1, noise_seed=seed) for seed in (5, 5, 6)]
    receivers = [scene.listen("sensor.other.gnss", where, noise_lat_stddev=1, noise_seed=seed) for seed in (5, 5, 6)]
    data = scene.tick(*lidars, *imus, *receivers)
    measured = [bytes(scan.raw_data) for scan in data[:3]]
    measured += [imu.accelerometer.x for imu in data[3:6]] + [gnss.latitude for gnss in data[6:]]
    for first in (0, 3, 6):
        assert measured[first] == measured[first + 1] != measured[first + 2]


def test_an_imu_at_rest_feels_gravity_alone_and_knows_where_north_is(scene):
    car = scene.car()
    imu = scene.listen("sensor.other.imu", carla.Transform(carla.Location(x=1.0)), car)
    measured = scene.tick(imu, ticks=5)
    assert isinstance(measured, carla.IMUMeasurement)
    felt, spin = measured.accelerometer, measured.gyroscope
    assert (felt.x, felt.y, felt.z) == pytest.approx((0.0, 0.0, 9.81), abs=0.01)
    assert (spin.x, spin.y, spin.z) == pytest.approx((0.0, 0.0, 0.0), abs=1e-4)
    assert measured.compass == pytest.approx(math.pi / 2.0, abs=1e-3)  # the car looks east


def test_an_imu_in_a_turn_reads_yaw_rate_and_the_pull_to_the_middle(scene):
    car = scene.car(0.0, 1.0)
    car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.2))
    imu = scene.listen("sensor.other.imu", carla.Transform(), car)
    measured = scene.tick(imu, ticks=40)
    yaw_rate = math.radians(car.get_angular_velocity().z)
    speed = car.get_velocity().length()
    assert yaw_rate > 0.2
    assert measured.gyroscope.z == pytest.approx(yaw_rate, abs=0.01)
    assert measured.accelerometer.y == pytest.approx(speed * yaw_rate, rel=0.3)
    expected = math.radians(car.get_transform().rotation.yaw + 90.0) % math.tau
    assert measured.compass == pytest.approx(expected, abs=0.01)


def test_noise_and_bias_are_as_large_as_asked_for(scene):
    imu = scene.listen("sensor.other.imu", noise_accel_stddev_z=0.5, noise_gyro_bias_x=0.25, noise_seed=1)
    data = [scene.tick(imu) for _ in range(100)]
    assert np.std([one.accelerometer.z for one in data]) == pytest.approx(0.5, rel=0.3)
    assert np.mean([one.accelerometer.z for one in data]) == pytest.approx(9.81, abs=0.2)
    assert {round(one.gyroscope.x, 5) for one in data} == {0.25}


def test_gnss_agrees_with_the_maps_own_geo_reference(scene):
    place = at(25.0, -3.0, 2.0)
    measured = scene.tick(scene.listen("sensor.other.gnss", place))
    expected = scene.world.get_map().transform_to_geolocation(place.location)
    assert isinstance(measured, carla.GnssMeasurement)
    assert measured.latitude == pytest.approx(expected.latitude, abs=1e-9)
    assert measured.longitude == pytest.approx(expected.longitude, abs=1e-9)
    assert measured.altitude == pytest.approx(expected.altitude, abs=1e-5)


def test_radar_sees_how_far_and_how_fast_a_car_comes(scene):
    car = spawn_car(scene.world, at(25.0, yaw=180.0))
    scene.actors.append(car)
    car.enable_constant_velocity(carla.Vector3D(10.0, 0.0, 0.0))
    radar = scene.listen("sensor.other.radar", at(z=0.5), horizontal_fov=10, vertical_fov=5, points_per_second=20_000)
    measured = scene.tick(radar, ticks=3)
    assert isinstance(measured, carla.RadarMeasurement)
    face_m = car.get_location().x - PLACE.location.x - car.bounding_box.extent.x
    ahead = [d for d in measured if abs(d.azimuth) < 0.02 and abs(d.altitude) < 0.01]
    assert len(ahead) > 5
    assert np.median([d.depth for d in ahead]) == pytest.approx(face_m, abs=0.3)
    assert np.median([d.velocity for d in ahead]) == pytest.approx(-10.0, abs=0.3)
    assert max(abs(d.azimuth) for d in measured) <= math.radians(5.0) + 1e-4


def test_the_obstacle_detector_names_what_is_ahead_and_how_far(scene):
    box = scene.spawn(BOX, at(6.0))
    far = scene.listen("sensor.other.obstacle", at(z=0.3), distance=10, hit_radius=0.2)
    near = scene.listen("sensor.other.obstacle", at(z=0.3), distance=4, hit_radius=0.2)
    event = scene.tick(far)
    assert isinstance(event, carla.ObstacleDetectionEvent)
    assert event.other_actor.id == box.id
    assert event.distance == pytest.approx(6.0 - BOX_HALF_X_M - 0.2, abs=0.02)
    assert near.empty()


def test_crossing_a_line_is_reported_by_the_client_librarys_own_sensor(scene):
    car = scene.car()
    line = scene.listen("sensor.other.lane_invasion", carla.Transform(), car)
    for y in np.linspace(0.0, -3.5, 8):
        car.set_transform(at(0.0, y))
        scene.world.tick()
    event = line.get(timeout=WAIT_S)
    assert isinstance(event, carla.LaneInvasionEvent)
    assert event.crossed_lane_markings


def test_sensor_tick_is_kept_by_every_sensor(scene):
    slow = {"sensor_tick": 2 * STEP_S}
    names = ("other.imu", "other.gnss", "other.radar", "lidar.ray_cast", "camera.depth")
    listeners = [scene.listen(f"sensor.{name}", at(z=1.0), **slow) for name in names]
    quick = scene.listen("sensor.other.imu")
    scene.tick(quick, ticks=6)
    for listening in listeners:
        frames = [listening.get(timeout=WAIT_S).frame for _ in range(3)]
        assert np.diff(frames).tolist() == [2, 2]
        assert listening.empty()


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("sensor.lidar.ray_cast", {"channels": 0}),
        ("sensor.lidar.ray_cast", {"range": -1}),
        ("sensor.lidar.ray_cast_semantic", {"points_per_second": -5}),
        ("sensor.other.radar", {"horizontal_fov": 0}),
        ("sensor.other.obstacle", {"distance": 0}),
        ("sensor.camera.depth", {"fov": 180}),
        ("sensor.camera.semantic_segmentation", {"image_size_x": 100_000}),
    ],
)
def test_a_sensor_that_cannot_be_is_refused_with_the_attribute_named(scene, name, attributes):
    (wrong,) = attributes
    with pytest.raises(RuntimeError, match=wrong.removesuffix("_x").replace("_", "[_ ]")):
        scene.spawn(name, **attributes)


def test_the_drivers_camera_sees_the_cabin_and_the_policys_does_not(scene):
    car = scene.car()
    inside, above = (
        scene.listen("sensor.camera.semantic_segmentation", mount, car, image_size_x=160, image_size_y=90)
        for mount in (carla.Transform(carla.Location(*place)) for place in ((0.35, -0.33, 1.33), (1.2, 0.0, 1.6)))
    )
    tags = [pixels(image)[..., 2] for image in scene.tick(inside, above)]
    assert (tags[0][80:, 60:100] == 14).mean() > 0.9
    assert (tags[1][:45] == 14).sum() == 0


def test_the_light_manager_switches_street_lamps_and_debug_boxes_are_seen(scene):
    world = scene.world
    world.set_weather(carla.WeatherParameters.ClearNight)
    lamps = world.get_lightmanager()
    lights = lamps.get_all_lights(carla.LightGroup.Street)
    assert len(lights) > 20
    assert all(light.is_on for light in lights)
    camera = scene.listen("sensor.camera.rgb", at(z=2.0, pitch=-10.0), image_size_x=160, image_size_y=90)
    lit = pixels(scene.tick(camera))[..., :3].astype(int)
    lamps.turn_off(lights)
    dark = pixels(scene.tick(camera, ticks=3))[..., :3].astype(int)
    assert lit[45:].mean() > 1.5 * dark[45:].mean()
    box = carla.BoundingBox(at(x=10.0, z=1.0).location, carla.Vector3D(1.0, 1.0, 1.0))
    world.debug.draw_box(box, carla.Rotation(), 0.2, carla.Color(255, 0, 255), 0.12)
    counts = [(pixels(scene.tick(camera))[..., :3] == (255, 0, 255)).all(axis=2).sum() for _ in range(5)]
    assert counts[0] > 20
    assert counts[-1] == 0
    lamps.turn_on(lights)
    world.set_weather(carla.WeatherParameters.ClearNoon)
    scene.tick(camera, ticks=2)
