"""What decides which sensors measure, without a server: only what is listened to, at its own rate."""

from itertools import pairwise
from pathlib import Path

import pytest

from sim.map.network import read_network
from sim.scene.poses import Pose
from sim.scene.weather import CLEAR_NOON
from sim.sensors import Sensors, suite
from sim.world.blueprints import BLUEPRINTS, MISSING_SENSORS
from sim.world.world import World

SENSORS = [name for name, blueprint in BLUEPRINTS.items() if name.startswith("sensor.") and name not in MISSING_SENSORS]


MAP = Path(__file__).parents[3] / "assets" / "maps" / "millbrook.xodr"


@pytest.fixture(scope="module")
def world():
    return World(read_network("Millbrook", MAP.read_text()), seed=0)


def spawn(world, *names, **attributes):
    attribute_rows = [[name, 3, str(value)] for name, value in attributes.items()]
    return [world.spawn([1, name, attribute_rows], Pose(-150.0, 1.75, 1.0)) for name in names]


def nobody(_stream_id):
    return False


def test_sensors_that_nobody_listens_to_are_never_even_set_up(world, monkeypatch):
    spawn(world, *SENSORS)
    sensors = Sensors(world)
    monkeypatch.setattr(sensors, "_run", lambda sensor: pytest.fail(f"{sensor.type_id} was set up"))
    world.step(0.05)
    assert sensors.measurements(nobody, lambda _: b"") == []
    assert sensors.due_frames(CLEAR_NOON, nobody) is None


def test_a_lidar_sends_the_points_of_the_time_since_its_last_scan(world):
    rate = {"points_per_second": 32_000, "channels": 16, "sensor_tick": 0.2}
    (lidar,) = spawn(world, "sensor.lidar.ray_cast_semantic", **rate)
    sensors = Sensors(world)
    scans = []
    for _ in range(16):
        world.step(0.05)
        frames = sensors.due_frames(CLEAR_NOON, lambda stream_id: stream_id == lidar.stream_id)
        if frames:
            scans.append((world.time_s, len(frames.scans[0].directions)))
    for (before_s, _), (now_s, rays) in pairwise(scans):
        assert rays == pytest.approx(32_000 * (now_s - before_s), abs=1)
    assert [rays for _, rays in scans[2:]] == [6400] * len(scans[2:])
    assert len(scans) >= 4


def test_the_second_measurement_comes_a_period_after_the_first_however_young_the_world_is():
    """A world younger than a sensor's period once sent a measurement too many."""
    young = World(read_network("Millbrook", MAP.read_text()), seed=0)
    (imu,) = spawn(young, "sensor.other.imu", sensor_tick=0.4)
    sensors = Sensors(young)
    sent = []
    for _ in range(20):
        young.step(0.05)
        if young.time_s > 0.12 and sensors.measurements(lambda stream_id: stream_id == imu.stream_id, lambda _: b""):
            sent.append(round(young.time_s, 2))
    assert sent == [0.15, 0.55, 0.95]


def test_a_huge_scan_is_cut_to_what_memory_holds(world):
    (lidar,) = spawn(world, "sensor.lidar.ray_cast_semantic", points_per_second=2_000_000_000)
    world.step(1.0)
    frames = Sensors(world).due_frames(CLEAR_NOON, lambda stream_id: stream_id == lidar.stream_id)
    assert 1_000_000 < len(frames.scans[0].directions) <= 4_000_000


@pytest.mark.parametrize(
    ("name", "method"),
    [("sensor.other.imu", "measure"), ("sensor.other.radar", "scan"), ("sensor.camera.rgb", "")],
)
def test_a_sensor_that_fails_is_logged_once_and_the_others_send(world, monkeypatch, caplog, name, method):
    def fail(*_):
        raise ZeroDivisionError("a bug in a sensor")

    ill, gnss = spawn(world, name, "sensor.other.gnss")
    if method:
        monkeypatch.setattr(suite._MAKERS[name], method, fail)
    else:
        monkeypatch.setattr(suite, "camera_shot", fail)
    sensors = Sensors(world)
    listened = {ill.stream_id, gnss.stream_id}
    for _ in range(3):
        world.step(0.05)
        messages = sensors.measurements(lambda stream_id: stream_id in listened, lambda _: b"")
        assert [stream_id for stream_id, _ in messages] == [gnss.stream_id]
        assert sensors.due_frames(CLEAR_NOON, lambda stream_id: stream_id in listened) is None
    assert [f"stream {ill.stream_id} " in record.message for record in caplog.records] == [True]


def test_the_number_of_rays_does_not_hang_on_how_long_the_world_has_run(world):
    """CARLA's default LiDAR sends 87.5 rays a channel and tick: the last bit of the clock once decided for 87 or 88."""
    (lidar,) = spawn(world, "sensor.lidar.ray_cast_semantic")
    counts = set()
    for k in range(60):
        world.time_s += 0.0137 * k  # as the chance length of an asynchronous prelude
        sensors = Sensors(world)
        world.step(0.05)
        frames = sensors.due_frames(CLEAR_NOON, lambda stream_id: stream_id == lidar.stream_id)
        assert frames is not None
        counts.add(len(frames.scans[0].directions))
    assert counts == {32 * 88}
