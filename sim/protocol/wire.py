"""CARLA 0.9.16's binary layouts: stream headers, the world snapshot, tokens, message limits.

Pure packing and unpacking of plain values; nothing here knows the world or a socket. Layouts were read from the
debug information of the 0.9.16 client library (`carla::sensor::s11n`, `carla::streaming::detail::token_data`); all
of it is little endian and packed. Angles are degrees here, because this is CARLA's border.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgpack

VERSION = "0.9.16"
"""The CARLA version the server speaks and answers."""

WORLD_STREAM_ID = 1
"""The first episode's stream of world snapshots; sensors and later episodes have the ids above it."""

MAX_MESSAGE_BYTES = 64 << 20
"""Largest RPC message taken: an OpenDRIVE text of a big town is about 30 MB."""

MAX_ARRAY_ITEMS = 1 << 16
"""Longest msgpack array taken (a batch's commands): a claimed length is allocated before its items arrive."""

SENSOR_COLLISION = 0
SENSOR_CAMERA_DEPTH = 1
SENSOR_CAMERA_NORMALS = 2
SENSOR_CAMERA_DVS = 3
SENSOR_GNSS = 4
SENSOR_IMU = 5
SENSOR_OBSTACLE = 7
SENSOR_CAMERA_FLOW = 8
SENSOR_RADAR = 9
SENSOR_LIDAR_SEMANTIC = 10
SENSOR_LIDAR = 11
SENSOR_CAMERA_RGB = 13
SENSOR_CAMERA_SEMANTIC = 14
SENSOR_CAMERA_INSTANCE = 15
SENSOR_WORLD = 17
SENSOR_V2X = 20
SENSOR_V2X_CUSTOM = 21

STATE_ACTIVE = 1

SNAPSHOT_MAP_CHANGED = 1
SNAPSHOT_LIGHTS_CHANGED = 2

FRAME_LENGTH = struct.Struct("<I")
SENSOR_HEADER = struct.Struct("<QQd6f")
EPISODE_HEADER = struct.Struct("<QdfiiiI")
ACTOR_STATE = struct.Struct("<IB6f3f3f3f54s")
VEHICLE_STATE = struct.Struct("<fff???ifB?IB")
TRAFFIC_LIGHT_STATE = struct.Struct("<32sffffI?B")
WALKER_STATE = struct.Struct("<fff f?")
IMAGE_HEADER = struct.Struct("<IIf")
TOKEN = struct.Struct("<IHBB16x")

_TCP = 1
_NO_ADDRESS = 0

WireTransform = tuple[float, float, float, float, float, float]
"""x, y, z in metres, then pitch, yaw, roll in degrees: the order of CARLA's structs."""


def token(stream_id: int, port: int) -> bytes:
    """Stream token (24 bytes) for `stream_id` on `port` of whatever host the client already talks to."""
    return TOKEN.pack(stream_id, port, _TCP, _NO_ADDRESS)


def sensor_header(sensor_type: int, frame: int, time_s: float, transform: WireTransform) -> bytes:
    """The 48 bytes before every sensor's data."""
    return SENSOR_HEADER.pack(sensor_type, frame, time_s, *transform)


def snapshot_header(
    frame: int, time_s: float, episode_id: int, wall_time_s: float, delta_s: float, flags: int
) -> bytes:
    """The 84 bytes before the actors of a world snapshot; `flags` are SNAPSHOT_* bits."""
    head = SENSOR_HEADER.pack(SENSOR_WORLD, frame, time_s, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return head + EPISODE_HEADER.pack(episode_id, wall_time_s, delta_s, 0, 0, 0, flags)


def camera_header(
    sensor_type: int, frame: int, time_s: float, transform: WireTransform, width: int, height: int, fov_deg: float
) -> bytes:
    """What stands before the BGRA bytes of an image; `sensor_type` is one of SENSOR_CAMERA_*."""
    return sensor_header(sensor_type, frame, time_s, transform) + IMAGE_HEADER.pack(width, height, fov_deg)


def collision_payload(
    frame: int, time_s: float, transform: WireTransform, actor: list, other: list, impulse_ns: Sequence[float]
) -> bytes:
    """A collision event: both actors as on the RPC wire, and the impulse on the first in N*s."""
    body = _packed([actor, other, list(impulse_ns)])
    return sensor_header(SENSOR_COLLISION, frame, time_s, transform) + body


def obstacle_payload(
    frame: int, time_s: float, transform: WireTransform, actor: list, other: list, distance_m: float
) -> bytes:
    """What an obstacle detector found: both actors as on the RPC wire, and how far off."""
    return sensor_header(SENSOR_OBSTACLE, frame, time_s, transform) + _packed([actor, other, distance_m])


def imu_payload(
    frame: int,
    time_s: float,
    transform: WireTransform,
    accelerometer_mps2: Sequence[float],
    gyroscope_radps: Sequence[float],
    compass_rad: float,
) -> bytes:
    """An IMU's measurement."""
    body = _packed([list(accelerometer_mps2), list(gyroscope_radps), compass_rad])
    return sensor_header(SENSOR_IMU, frame, time_s, transform) + body


def gnss_payload(
    frame: int, time_s: float, transform: WireTransform, latitude_deg: float, longitude_deg: float, altitude_m: float
) -> bytes:
    """A GNSS receiver's measurement."""
    body = _packed([latitude_deg, longitude_deg, altitude_m])
    return sensor_header(SENSOR_GNSS, frame, time_s, transform) + body


def lidar_header(
    sensor_type: int,
    frame: int,
    time_s: float,
    transform: WireTransform,
    horizontal_angle_rad: float,
    points_per_channel: Sequence[int],
) -> bytes:
    """What stands before a LiDAR's points; `sensor_type` is SENSOR_LIDAR or SENSOR_LIDAR_SEMANTIC."""
    channels = len(points_per_channel)
    counts = struct.pack(f"<fI{channels}I", horizontal_angle_rad, channels, *points_per_channel)
    return sensor_header(sensor_type, frame, time_s, transform) + counts


def _packed(content: list) -> bytes:
    body = msgpack.packb(content, use_bin_type=True)
    assert body is not None  # noqa: S101  (packb returns bytes unless a stream is given)
    return body


def new_unpacker() -> msgpack.Unpacker:
    """A streaming msgpack decoder that refuses what could exhaust memory."""
    return msgpack.Unpacker(
        raw=False,
        strict_map_key=False,
        unicode_errors="surrogateescape",
        max_buffer_size=MAX_MESSAGE_BYTES,
        max_array_len=MAX_ARRAY_ITEMS,
        max_map_len=1024,
        max_ext_len=0,
    )


def pack_reply(message_id: int, error: Any, result: Any) -> bytes:
    """A msgpack-rpc response."""
    packed = msgpack.packb([1, message_id, error, result], use_bin_type=True, unicode_errors="surrogateescape")
    assert packed is not None  # noqa: S101
    return packed
