"""The agent's own `sensors`; the program around it has one, too."""

PLACE = {"x": 0.7, "y": 0.0, "z": 1.6}
TURN = {"roll": 0.0, "pitch": 0.0, "yaw": 0.0}
SENSORS = [
    {"type": "sensor.camera.rgb", "id": "Left", "width": 64, "height": 32, "fov": 100, **PLACE, **TURN, "yaw": -45.0},
    {"type": "sensor.lidar.ray_cast", "id": "LIDAR", **PLACE, **TURN},
    {"type": "sensor.other.radar", "id": "RADAR", "horizontal_fov": 30.0, "vertical_fov": 30.0, **PLACE, **TURN},
    {"type": "sensor.other.gnss", "id": "GPS", **PLACE},
    {"type": "sensor.other.imu", "id": "IMU", **PLACE, **TURN},
    {"type": "sensor.speedometer", "id": "SPEED", "reading_frequency": 20},
    {"type": "sensor.opendrive_map", "id": "MAP", "reading_frequency": 1},
]
