"""IMU and GNSS: acceleration, turn rate, heading and geographic position, with the noise that their attributes set."""

from __future__ import annotations

import math

import carla
import numpy as np

from sim.protocol import wire
from sim.protocol.forms import wire_transform
from sim.scene.camera import axes
from sim.scene.poses import Pose
from sim.world.actors import Actor
from sim.world.world import World

GRAVITY_UP = np.array([0.0, 0.0, 9.81])
"""What an accelerometer at rest feels (m/s²), as in CARLA's."""


class Imu:
    """One accelerometer, gyroscope and compass; remembers how fast its mount moved at the last measurement."""

    def __init__(self, sensor: Actor) -> None:
        """ValueError when an attribute is not a number."""
        a = sensor.attributes
        self._rng = np.random.default_rng(seed_of(sensor))
        self._accel_stddev = _triple(a, "noise_accel_stddev")
        self._gyro_stddev = _triple(a, "noise_gyro_stddev")
        self._gyro_bias = _triple(a, "noise_gyro_bias")
        self._velocity_mps: np.ndarray | None = None

    def measure(self, world: World, sensor: Actor, elapsed_s: float) -> bytes:
        """The message for the present tick; `elapsed_s` is the time since the last one."""
        turn = axes(sensor.pose.roll, sensor.pose.pitch, sensor.pose.yaw)  # rows: the sensor's axes in the world
        velocity, spin, parent_acceleration = _motion_of_mount(world, sensor)
        if self._velocity_mps is None:
            acceleration = parent_acceleration
        else:
            acceleration = (velocity - self._velocity_mps) / elapsed_s
        self._velocity_mps = velocity
        felt = turn @ (acceleration + GRAVITY_UP) + self._rng.normal(size=3) * self._accel_stddev
        gyro = turn @ spin + self._gyro_bias + self._rng.normal(size=3) * self._gyro_stddev
        where = wire_transform(sensor.pose)
        return wire.imu_payload(world.frame, world.time_s, where, felt.tolist(), gyro.tolist(), compass(sensor.pose))


def _motion_of_mount(world: World, sensor: Actor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Velocity of the sensor's place, angular velocity and the parent's acceleration, all in the world, (3,) each."""
    parent = world.actors.get(sensor.parent_id)
    if parent is None:
        return np.array(sensor.velocity_mps), np.zeros(3), np.zeros(3)
    spin = np.array([0.0, 0.0, parent.yaw_rate_radps])
    arm = np.array([sensor.pose.x - parent.pose.x, sensor.pose.y - parent.pose.y, sensor.pose.z - parent.pose.z])
    velocity = np.array(parent.velocity_mps) + np.cross(spin, arm)
    return velocity, spin, np.array(parent.acceleration_mps2)


def compass(pose: Pose) -> float:
    """Angle from north (-y in CARLA's frame) to where the pose looks, clockwise seen from above, 0 to 2 pi."""
    return (pose.yaw + math.pi / 2.0) % math.tau


class Gnss:
    """One receiver. Positions come from the map's own geo-reference, as the client library's do."""

    def __init__(self, sensor: Actor) -> None:
        """ValueError when an attribute is not a number."""
        a = sensor.attributes
        self._rng = np.random.default_rng(seed_of(sensor))
        self._bias = np.array([float(a[f"noise_{what}_bias"]) for what in ("lat", "lon", "alt")])
        self._stddev = np.array([float(a[f"noise_{what}_stddev"]) for what in ("lat", "lon", "alt")])

    def measure(self, world: World, sensor: Actor, elapsed_s: float) -> bytes:  # noqa: ARG002 (as all sensors)
        """The message for the present tick."""
        p = sensor.pose
        geo = world.carla_map.transform_to_geolocation(carla.Location(p.x, p.y, p.z))
        exact = np.array([geo.latitude, geo.longitude, geo.altitude])
        noisy = exact + self._bias + self._rng.normal(size=3) * self._stddev
        return wire.gnss_payload(world.frame, world.time_s, wire_transform(p), *noisy.tolist())


def seed_of(sensor: Actor) -> int:
    """A sensor's noise seed, not negative; ValueError when it is not an integer."""
    return int(sensor.attributes.get("noise_seed", "0")) & 0xFFFFFFFF


def _triple(attributes: dict[str, str], name: str) -> np.ndarray:
    return np.array([float(attributes[f"{name}_{axis}"]) for axis in ("x", "y", "z")])
