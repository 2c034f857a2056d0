"""V2X messages as CARLA's client library reads them: its C++ structs, field by field.

A cooperative awareness message (CAM) is ETSI EN 302 637-2's, in CARLA's form (`LibITS.h`); a custom one is a
client's own text.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.protocol import wire
from sim.protocol.wire import WireTransform

CUSTOM_BYTES = 100
LONGEST_TEXT = CUSTOM_BYTES - 1
"""It ends with a 0."""
PROTOCOL_VERSION = 2
CUSTOM, CAM = 0, 2
"""`messageID` of the header."""
VEHICLE_CONTAINER, ROADSIDE_CONTAINER = 1, 2
"""Which high-frequency container a CAM has."""

_UNAVAILABLE = {
    "major_confidence": 4095,
    "minor_confidence": 4095,
    "major_orientation": 3601,
    "altitude_confidence": 15,
    "length_confidence": 4,
    "forward_acceleration_confidence": 102,
    "curvature": 30001,
    "curvature_confidence": 7,
    "yaw_rate_confidence": 8,
    "right_acceleration_confidence": 102,
    "up_acceleration_confidence": 102,
}
"""ETSI's numbers for what is not known; CARLA sends the same."""
_CAM_OFFSETS = {
    "protocol": 8,
    "message": 16,
    "station": 24,
    "generation_ms": 32,
    "station_type": 40,
    "latitude": 48,
    "longitude": 56,
    "major_confidence": 64,
    "minor_confidence": 72,
    "major_orientation": 80,
    "altitude": 88,
    "altitude_confidence": 96,
    "fast_container": 104,
    "heading": 112,
    "heading_confidence": 120,
    "speed": 128,
    "speed_confidence": 136,
    "direction": 144,
    "length": 152,
    "length_confidence": 160,
    "width": 168,
    "forward_acceleration": 176,
    "forward_acceleration_confidence": 184,
    "curvature": 192,
    "curvature_confidence": 200,
    "curvature_mode": 208,
    "yaw_rate": 216,
    "yaw_rate_confidence": 224,
    "has_right_acceleration": 272,
    "right_acceleration": 280,
    "right_acceleration_confidence": 288,
    "has_up_acceleration": 296,
    "up_acceleration": 304,
    "up_acceleration_confidence": 312,
    "slow_container": 408,
    "role": 416,
    "lamps": 424,
}
"""Where the members of `CAMData` are (x86-64, `long` of 8 bytes); the others stay 0.

Two of those are C++ vectors, of protected zones and of the path so far, which only a client in the server's own
process could read: all 0 they are empty, and CARLA leaves the path empty too.
"""
_POWER = struct.Struct("<f")
_BYTES = ("has_right_acceleration", "has_up_acceleration", "lamps")
CAM_ROW = np.dtype(
    {
        "names": ["power", *_CAM_OFFSETS],
        "formats": ["<f4", *("u1" if name in _BYTES else "<i8" for name in _CAM_OFFSETS)],
        "offsets": [0, *_CAM_OFFSETS.values()],
        "itemsize": 464,
    }
)
CUSTOM_ROW = np.dtype(
    {
        "names": ["power", "protocol", "message", "station", "text"],
        "formats": ["<f4", "<i8", "<i8", "<i8", f"S{CUSTOM_BYTES}"],
        "offsets": [0, 8, 16, 24, 32],
        "itemsize": 136,
    }
)


@dataclass(frozen=True)
class Message:
    """One message on its way."""

    row: bytes
    """A `CAM_ROW` or `CUSTOM_ROW` without the power that it arrives with."""

    def received(self, power_dbm: float) -> bytes:
        """As a receiver's client gets it."""
        return _POWER.pack(power_dbm) + self.row[_POWER.size :]


def _message(kind: np.dtype, values: dict[str, Any]) -> Message:
    """A row of these members; all other bytes are 0 (numpy's own copies leave out what lies between members)."""
    memory = bytearray(kind.itemsize)
    row = np.ndarray((), kind, memory)
    for name, value in values.items():
        row[name] = value
    return Message(bytes(memory))


def custom_message(station: int, text: bytes) -> Message:
    """A client's own text; ValueError when it is longer than `LONGEST_TEXT` bytes."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a V2X message has at most {LONGEST_TEXT} bytes, this one {len(text)}")
    return _message(CUSTOM_ROW, {"protocol": PROTOCOL_VERSION, "message": CUSTOM, "station": station, "text": text})


def awareness_message(values: dict[str, int]) -> Message:
    """A CAM of these members of `CAM_ROW`; the others are 0 or, where ETSI has a number for it, unknown."""
    return _message(CAM_ROW, {"protocol": PROTOCOL_VERSION, "message": CAM} | _UNAVAILABLE | values)


def payload(is_custom: bool, frame: int, time_s: float, transform: WireTransform, rows: list[bytes]) -> bytes:
    """What a V2X sensor sends to its listeners: all messages that it received in a tick."""
    kind = wire.SENSOR_V2X_CUSTOM if is_custom else wire.SENSOR_V2X
    return wire.sensor_header(kind, frame, time_s, transform) + b"".join(rows)
