"""What a sensor sends belongs to one tick: its frame, time and place are those of the snapshot of that frame."""

import carla
import pytest

from tests.sim.server.server_process import Listening, spawn_car

SMALL = {"image_size_x": "32", "image_size_y": "18"}
SENSORS = {
    "sensor.camera.rgb": SMALL,
    "sensor.camera.depth": SMALL,
    "sensor.camera.semantic_segmentation": SMALL,
    "sensor.lidar.ray_cast": {"points_per_second": "1000"},
    "sensor.lidar.ray_cast_semantic": {"points_per_second": "1000"},
    "sensor.other.radar": {"points_per_second": "200"},
    "sensor.other.imu": {},
    "sensor.other.gnss": {},
}


@pytest.mark.parametrize("sensor_tick", ["0.0", "0.15"])
def test_frame_time_and_place_of_every_measurement_are_its_snapshots(world, sensor_tick):
    car = spawn_car(world)
    listening = []
    for k, (name, attributes) in enumerate(SENSORS.items()):
        blueprint = world.get_blueprint_library().find(name)
        for attribute, value in {**attributes, "sensor_tick": sensor_tick}.items():
            blueprint.set_attribute(attribute, value)
        mount = carla.Transform(carla.Location(x=1.0 + 0.1 * k, z=2.0), carla.Rotation(yaw=30.0 * k, pitch=-10.0))
        listening.append(Listening(world.spawn_actor(blueprint, mount, attach_to=car)))
    car.apply_control(carla.VehicleControl(throttle=1.0, steer=0.3))
    snapshots = {}
    for _ in range(16):
        frame = world.tick()
        snapshots[frame] = world.get_snapshot()
    expected = 16 if sensor_tick == "0.0" else 6
    for stream in listening:
        for _ in range(expected):
            measurement = stream.next()
            snapshot = snapshots[measurement.frame]
            assert snapshot.frame == measurement.frame
            assert snapshot.timestamp.elapsed_seconds == measurement.timestamp
            assert snapshot.find(stream.sensor.id).get_transform() == measurement.transform
        stream.sensor.stop()
        stream.sensor.destroy()
    assert car.get_velocity().length() > 2.0  # places differ from tick to tick
