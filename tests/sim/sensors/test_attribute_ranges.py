"""What CARLA takes as sensors' attributes is taken here: its defaults, what its own scripts set, and the edges."""

import numpy as np
import pytest

from sim.sensors.scans import Lidar
from sim.world.blueprints import BLUEPRINTS, MISSING_SENSORS
from tests.sim.calls.socketless import SocketlessServer

SENSORS = [name for name in BLUEPRINTS if name.startswith("sensor.") and name not in MISSING_SENSORS]


@pytest.fixture(scope="module")
def server():
    return SocketlessServer()


@pytest.mark.parametrize("type_id", SENSORS)
def test_every_sensor_takes_its_own_defaults_written_out(server, type_id):
    values = {attribute.name: attribute.value for attribute in BLUEPRINTS[type_id].attributes}
    assert server.spawn(type_id, **values)


@pytest.mark.parametrize(
    ("type_id", "attributes"),
    [
        # smoke/test_lidar.py, lidar_to_camera.py, open3d_lidar.py, check_lidar_bb.py
        ("lidar.ray_cast", {"dropoff_intensity_limit": "0.0", "dropoff_general_rate": "0.0"}),
        ("lidar.ray_cast", {"dropoff_intensity_limit": "1.0", "dropoff_zero_intensity": "0.0", "noise_stddev": "0.2"}),
        ("lidar.ray_cast", {"lower_fov": "-90.0", "range": "300", "channels": "64", "points_per_second": "500000"}),
        # edges that CARLA computes with
        ("lidar.ray_cast", {"dropoff_general_rate": "1.5", "atmosphere_attenuation_rate": "0"}),
        ("lidar.ray_cast", {"dropoff_intensity_limit": "-1", "noise_stddev": "-1"}),
        ("lidar.ray_cast_semantic", {"rotation_frequency": "0", "points_per_second": "0"}),
        ("lidar.ray_cast_semantic", {"rotation_frequency": "-10", "upper_fov": "-30", "lower_fov": "10"}),
        ("lidar.ray_cast_semantic", {"channels": "1", "horizontal_fov": "400"}),
        # manual_control.py, raycast_sensor_testing.py
        ("other.radar", {"horizontal_fov": "35", "vertical_fov": "20"}),
        ("other.radar", {"points_per_second": "0"}),
        ("other.imu", {"noise_accel_stddev_x": "-0.1", "sensor_tick": "-1"}),
        ("other.gnss", {"noise_seed": "-5"}),
        ("other.obstacle", {"distance": "50", "hit_radius": "0"}),
    ],
)
def test_what_carla_takes_is_taken_and_measures(server, type_id, attributes):
    sensor = server.spawn(f"sensor.{type_id}", **attributes)
    stream = server.listen(server.simulator.world.actor(sensor[0]).stream_id)
    for _ in range(2):
        server.value("tick_cue")
        server.simulator.draw_pending()
    if type_id != "other.obstacle":  # which sends only what it has found
        assert len(stream.messages()) == 2


def test_with_a_limit_of_zero_no_return_is_too_weak(server):
    distances = np.linspace(1.0, 2000.0, 5000)
    attributes = {"dropoff_zero_intensity": "1.0", "atmosphere_attenuation_rate": "0.1"}
    kept = []
    for limit in ("0.0", "0.8"):
        sensor = server.spawn("sensor.lidar.ray_cast", dropoff_intensity_limit=limit, **attributes)
        noise = Lidar(server.simulator.world.actor(sensor[0]))._noise
        kept.append(int(noise.received(distances)[1].sum()))
    assert kept[0] == 5000
    assert kept[1] < 100
