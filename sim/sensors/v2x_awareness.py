"""When a station sends a cooperative awareness message, and what is in it (ETSI EN 302 637-2, as in CARLA)."""

from __future__ import annotations

import math

import carla
import numpy as np

from sim.scene.camera import axes
from sim.scene.labels import Tag
from sim.sensors.motion import GRAVITY_UP, compass, seed_of
from sim.sensors.v2x_messages import ROADSIDE_CONTAINER, VEHICLE_CONTAINER, Message, awareness_message
from sim.world.actors import Actor, Vehicle
from sim.world.world import World

SLOW_CONTAINER_S = 0.5
ROADSIDE_S = 0.5
"""Between two messages of what is no vehicle."""
TURNED_RAD, MOVED_M, FASTER_MPS = math.radians(4.0), 4.0, 0.5
"""Changes that make a vehicle send before its longest interval is over (EN 302 637-2, 6.1.3)."""
_SOON_S = 1e-6
ROADSIDE, SPECIAL = 15, 10
STATIONS = {Tag.CAR: 5, Tag.BUS: 6, Tag.TRUCK: 7, Tag.MOTORCYCLE: 4, Tag.BICYCLE: 2}
_ROLES = {6: 1, SPECIAL: 6}
"""`vehicleRole` by station type: public transport, emergency."""
_LAMPS = ((0x2, 7), (0x4, 6), (0x20, 5), (0x10, 4), (0x40, 2), (0x80, 1), (0x1, 0))
"""(`carla.VehicleLightState`, bit of ETSI's exterior lights): low, high beam, left, right, reverse, fog, position."""


class Awareness:
    """The awareness service of one station: the vehicle that carries the sensor, else a unit beside the road."""

    def __init__(self, sensor: Actor) -> None:
        """ValueError when an attribute is not a number."""
        a = sensor.attributes
        self._shortest_s, self._longest_s = float(a["gen_cam_min"]), float(a["gen_cam_max"])
        self._is_fixed = a["fixed_rate"].lower() == "true"
        self._stddev = {name: float(a[f"noise_{name}_stddev"]) for name in ("lat", "lon", "alt", "head", "yawrate")}
        self._bias = {name: float(a[f"noise_{name}_bias"]) for name in ("lat", "lon", "alt", "head", "yawrate")}
        self._accel_stddev = np.array([float(a[f"noise_accel_stddev_{axis}"]) for axis in "xyz"])
        self._speed_stddev_mps = float(a["noise_vel_stddev_x"])
        self._rng = np.random.default_rng(seed_of(sensor))
        self._sent_s = self._slow_sent_s = -math.inf
        self._sent_at: tuple[float, float, float, float, float] | None = None

    def message(self, world: World, sensor: Actor) -> Message | None:
        """What the station sends in the present tick; None when it is not its time."""
        carrier = world.actors.get(sensor.parent_id)
        if not isinstance(carrier, Vehicle):
            if world.time_s - self._sent_s < ROADSIDE_S - _SOON_S:
                return None
            self._sent_s = world.time_s
            station = sensor if carrier is None else carrier
            place = self._place(world, station) | {"fast_container": ROADSIDE_CONTAINER, "station_type": ROADSIDE}
            return awareness_message(place | {"station": station.actor_id})
        if not self._is_time(world.time_s, carrier):
            return None
        self._sent_s, self._sent_at = world.time_s, _state(carrier)
        return awareness_message(self._of_vehicle(world, carrier))

    def _is_time(self, time_s: float, vehicle: Vehicle) -> bool:
        since_s = time_s - self._sent_s
        if since_s < self._shortest_s - _SOON_S:
            return False
        if self._is_fixed or since_s >= self._longest_s - _SOON_S or self._sent_at is None:
            return True
        x, y, z, yaw, speed = (now - then for now, then in zip(_state(vehicle), self._sent_at, strict=True))
        turned = abs(math.remainder(yaw, math.tau))
        return turned > TURNED_RAD or math.hypot(x, y, z) > MOVED_M or abs(speed) > FASTER_MPS

    def _place(self, world: World, station: Actor) -> dict[str, int]:
        p = station.pose
        geo = world.carla_map.transform_to_geolocation(carla.Location(p.x, p.y, p.z))
        return {
            "generation_ms": round(world.time_s * 1000.0) % 65536,
            "latitude": 10 * round(1e6 * self._noisy("lat", geo.latitude)),
            "longitude": 10 * round(1e6 * self._noisy("lon", geo.longitude)),
            "altitude": round(100.0 * self._noisy("alt", geo.altitude)),
        }

    def _of_vehicle(self, world: World, vehicle: Vehicle) -> dict[str, int]:
        station = _station_type(vehicle)
        turn = axes(vehicle.pose.roll, vehicle.pose.pitch, vehicle.pose.yaw)
        felt = turn @ (np.array(vehicle.acceleration_mps2) + GRAVITY_UP)
        forward, right, up = (felt + self._rng.normal(size=3) * self._accel_stddev).tolist()
        forward_mps = float(turn[0] @ np.array(vehicle.velocity_mps))
        speed_mps = max(forward_mps + float(self._rng.normal()) * self._speed_stddev_mps, 0.0)
        heading_deg = self._noisy("head", math.degrees(compass(vehicle.pose)))
        yaw_rate = round(100.0 * math.degrees(self._noisy("yawrate", vehicle.yaw_rate_radps)))
        values = {
            "station": vehicle.actor_id,
            "station_type": station,
            "fast_container": VEHICLE_CONTAINER,
            "heading": round(10.0 * heading_deg) % 3600,
            "heading_confidence": 10,
            "speed": min(round(100.0 * speed_mps), 16382),
            "speed_confidence": 3,
            "direction": int(forward_mps < 0.0),
            "length": round(20.0 * vehicle.extent_m[0]),
            "width": round(20.0 * vehicle.extent_m[1]),
            "forward_acceleration": _tenths(forward),
            "yaw_rate": yaw_rate if abs(yaw_rate) <= 32766 else 32767,
            "has_right_acceleration": 1,
            "right_acceleration": _tenths(right),
            "has_up_acceleration": 1,
            "up_acceleration": _tenths(up),
        }
        if world.time_s - self._slow_sent_s >= SLOW_CONTAINER_S - _SOON_S:
            self._slow_sent_s = world.time_s
            lamps = sum(1 << bit for lamp, bit in _LAMPS if vehicle.lights & lamp)
            values |= {"slow_container": 1, "role": _ROLES.get(station, 0), "lamps": lamps}
        return values | self._place(world, vehicle)

    def _noisy(self, name: str, value: float) -> float:
        return value + self._bias[name] + float(self._rng.normal()) * self._stddev[name]


def _state(vehicle: Vehicle) -> tuple[float, float, float, float, float]:
    """x, y, z, yaw and forward speed: what makes a vehicle send sooner when it changes."""
    p, (vx, vy, _) = vehicle.pose, vehicle.velocity_mps
    return p.x, p.y, p.z, p.yaw, vx * math.cos(p.yaw) + vy * math.sin(p.yaw)


def _station_type(vehicle: Vehicle) -> int:
    if vehicle.attributes.get("special_type") == "emergency":
        return SPECIAL
    tags = (STATIONS.get(Tag(tag)) for tag in vehicle.semantic_tags)
    return next((station for station in tags if station is not None), 0)


def _tenths(acceleration_mps2: float) -> int:
    """In 0.1 m/s²; 161, unknown, beyond what a message can say."""
    tenths = round(10.0 * acceleration_mps2)
    return tenths if -160 <= tenths <= 160 else 161
