"""CARLA's binary recorder format (version 1), read and written; its documentation is "Recorder binary file format".

A header, then packets of one byte type, four bytes size, data; everything between a FrameStart and a FrameEnd is one
frame. Little endian. As in CARLA, places are centimetres and turns are roll, pitch, yaw in degrees. Packets that are
not known here are skipped, as the format asks for.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

MAGIC = "CARLA_RECORDER"
VERSION = 1
NO_DURATION = -1.0
"""Duration of the last frame, which is not known when it is written."""

Triple = tuple[float, float, float]


class Packet(enum.IntEnum):
    """Types of packets."""

    FRAME_START = 0
    FRAME_END = 1
    EVENT_ADD = 2
    EVENT_DEL = 3
    EVENT_PARENT = 4
    COLLISION = 5
    POSITION = 6
    STATE = 7
    ANIM_VEHICLE = 8
    ANIM_WALKER = 9
    VEHICLE_LIGHT = 10
    KINEMATICS = 12
    BOUNDING_BOX = 13
    PLATFORM_TIME = 14


class ActorType(enum.IntEnum):
    """What an added actor is."""

    OTHER = 0
    VEHICLE = 1
    WALKER = 2
    TRAFFIC_LIGHT = 3


class RecordError(Exception):
    """A file that is no recording, or a broken one; the text says which and why."""


@dataclass(frozen=True)
class Header:
    """The beginning of a file."""

    map_name: str
    unix_time_s: int


@dataclass(frozen=True)
class Added:
    """An actor that came into the world; attributes are (type, name, value)."""

    actor_id: int
    type: ActorType | int
    location_cm: Triple
    rotation_deg: Triple
    uid: int
    type_id: str
    attributes: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class Collided:
    """Two actors that touched; NO_ACTOR is the world itself."""

    collision_id: int
    first_id: int
    second_id: int
    first_is_hero: bool
    second_is_hero: bool


NO_ACTOR = 0xFFFFFFFF


@dataclass(frozen=True)
class LightState:
    """A traffic light; `state` as in carla.TrafficLightState."""

    actor_id: int
    frozen: bool
    elapsed_s: float
    state: int


@dataclass(frozen=True)
class VehicleState:
    """What a vehicle's driver does."""

    actor_id: int
    steer: float
    throttle: float
    brake: float
    hand_brake: bool
    gear: int


@dataclass
class Frame:
    """Everything of one tick. `positions` and `kinematics` are (id, Triple, Triple), the rest by name."""

    frame_id: int = 0
    duration_s: float = NO_DURATION
    elapsed_s: float = 0.0
    added: list[Added] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    parents: list[tuple[int, int]] = field(default_factory=list)
    """(child, parent)"""
    collisions: list[Collided] = field(default_factory=list)
    positions: list[tuple[int, Triple, Triple]] = field(default_factory=list)
    """(id, centimetres, roll pitch yaw in degrees)"""
    lights: list[LightState] = field(default_factory=list)
    vehicles: list[VehicleState] = field(default_factory=list)
    walkers: list[tuple[int, float]] = field(default_factory=list)
    """(id, speed)"""
    lamps: list[tuple[int, int]] = field(default_factory=list)
    """(id, carla.VehicleLightState bits)"""
    kinematics: list[tuple[int, Triple, Triple]] = field(default_factory=list)
    """(id, m/s, degrees/s)"""
    boxes: list[tuple[int, Triple, Triple]] = field(default_factory=list)
    """(id, centre, half sizes)"""
    platform_time_s: float | None = None


_HEAD = struct.Struct("<BI")
_FRAME = struct.Struct("<Qdd")
_COUNT = struct.Struct("<H")
_ID = struct.Struct("<I")
_PAIR = struct.Struct("<II")
_POSED = struct.Struct("<I3f3f")
_COLLISION = struct.Struct("<III??")
_LIGHT = struct.Struct("<I?fb")
_VEHICLE = struct.Struct("<Ifff?i")
_WALKER = struct.Struct("<If")
_ADDED = struct.Struct("<IB3f3fI")
_TIME = struct.Struct("<d")

DURATION_OFFSET = _HEAD.size + 8
"""Where in a frame's bytes its duration stands, which is known only when the next frame begins."""

DURATION = _TIME


# Writing


def pack_header(header: Header) -> bytes:
    """The beginning of a file."""
    return _COUNT.pack(VERSION) + _text(MAGIC) + struct.pack("<q", header.unix_time_s) + _text(header.map_name)


def pack_frame(frame: Frame) -> bytes:
    """One frame; its duration can be written over later at DURATION_OFFSET."""
    parts = [_packet(Packet.FRAME_START, _FRAME.pack(frame.frame_id, frame.duration_s, frame.elapsed_s))]
    if frame.added:
        parts.append(_records(Packet.EVENT_ADD, (_pack_added(added) for added in frame.added), len(frame.added)))
    events = (
        (Packet.EVENT_DEL, [_ID.pack(actor_id) for actor_id in frame.removed]),
        (Packet.EVENT_PARENT, [_PAIR.pack(*pair) for pair in frame.parents]),
        (Packet.COLLISION, [_COLLISION.pack(*_fields(c)) for c in frame.collisions]),
    )
    states = (
        (Packet.POSITION, [_POSED.pack(i, *place, *turn) for i, place, turn in frame.positions]),
        (Packet.STATE, [_LIGHT.pack(*_fields(light)) for light in frame.lights]),
        (Packet.ANIM_VEHICLE, [_VEHICLE.pack(*_fields(vehicle)) for vehicle in frame.vehicles]),
        (Packet.ANIM_WALKER, [_WALKER.pack(*walker) for walker in frame.walkers]),
        (Packet.VEHICLE_LIGHT, [_PAIR.pack(*lamp) for lamp in frame.lamps]),
    )
    more = (
        (Packet.KINEMATICS, [_POSED.pack(i, *v, *w) for i, v, w in frame.kinematics]),
        (Packet.BOUNDING_BOX, [_POSED.pack(i, *centre, *half) for i, centre, half in frame.boxes]),
    )
    parts += [_records(kind, rows, len(rows)) for kind, rows in events if rows]
    parts += [_records(kind, rows, len(rows)) for kind, rows in states]
    parts += [_records(kind, rows, len(rows)) for kind, rows in more if rows]
    if frame.platform_time_s is not None:
        parts.append(_packet(Packet.PLATFORM_TIME, _TIME.pack(frame.platform_time_s)))
    return b"".join([*parts, _packet(Packet.FRAME_END, b"")])


def _fields(record: Collided | LightState | VehicleState) -> list:
    return [getattr(record, name) for name in record.__dataclass_fields__]


def _packet(kind: Packet, data: bytes) -> bytes:
    return _HEAD.pack(kind, len(data)) + data


def _records(kind: Packet, rows: Iterable[bytes], count: int) -> bytes:
    return _packet(kind, _COUNT.pack(count) + b"".join(rows))


def _text(text: str) -> bytes:
    data = text.encode(errors="surrogateescape")[:0xFFFF]
    return _COUNT.pack(len(data)) + data


def _pack_added(added: Added) -> bytes:
    head = _ADDED.pack(added.actor_id, added.type, *added.location_cm, *added.rotation_deg, added.uid)
    rows = [bytes([kind & 0xFF]) + _text(name) + _text(value) for kind, name, value in added.attributes]
    return head + _text(added.type_id) + _COUNT.pack(len(rows)) + b"".join(rows)


# Reading


def read_header(file: BinaryIO) -> Header:
    """The header; RecordError when the file is no recording."""
    data = file.read(2)
    magic = _read_text(file) if len(data) == 2 else ""
    stamp = file.read(8)
    if magic != MAGIC or len(stamp) != 8:
        raise RecordError("File is not a CARLA recorder")
    return Header(_read_text(file), struct.unpack("<q", stamp)[0])


def read_frames(file: BinaryIO) -> Iterator[Frame]:
    """Every whole frame after the header; a frame cut off by a crash or a full disk is left out."""
    frame: Frame | None = None
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        kind, size = _HEAD.unpack(head)
        if kind == Packet.FRAME_START:
            start = _frame_start(file, size)
            if start is None:
                return
            frame = Frame(*start)
        elif kind == Packet.FRAME_END and frame is not None:
            yield frame
            frame = None
        elif frame is None or kind not in _READERS:
            file.seek(size, 1)
        else:
            data = file.read(size)
            if len(data) < size:
                return
            try:
                _READERS[kind](frame, data)
            except (struct.error, UnicodeDecodeError, IndexError) as error:
                raise RecordError(f"frame {frame.frame_id} is broken ({error})") from None


def _frame_start(file: BinaryIO, size: int) -> tuple[int, float, float] | None:
    """A frame's number, duration and time; None where the file ends before them."""
    if size != _FRAME.size:
        raise RecordError("a frame's beginning is broken")
    data = file.read(size)
    return _FRAME.unpack(data) if len(data) == size else None


def _read_text(file: BinaryIO) -> str:
    size = file.read(2)
    return file.read(_COUNT.unpack(size)[0]).decode(errors="replace") if len(size) == 2 else ""


def _rows(layout: struct.Struct, data: bytes) -> Iterator[tuple]:
    (count,) = _COUNT.unpack_from(data)
    for k in range(count):
        yield layout.unpack_from(data, _COUNT.size + k * layout.size)


def _posed(data: bytes) -> list[tuple[int, Triple, Triple]]:
    return [(row[0], row[1:4], row[4:7]) for row in _rows(_POSED, data)]


def _read_added(frame: Frame, data: bytes) -> None:
    (count,), at = _COUNT.unpack_from(data), _COUNT.size
    for _ in range(count):
        actor_id, kind, *numbers, uid = _ADDED.unpack_from(data, at)
        type_id, at = _text_at(data, at + _ADDED.size)
        (attributes,), at = _COUNT.unpack_from(data, at), at + _COUNT.size
        rows = []
        for _ in range(attributes):
            attribute_type = data[at]
            name, at = _text_at(data, at + 1)
            value, at = _text_at(data, at)
            rows.append((attribute_type, name, value))
        x, y, z, roll, pitch, yaw = numbers
        frame.added.append(Added(actor_id, kind, (x, y, z), (roll, pitch, yaw), uid, type_id, tuple(rows)))


def _text_at(data: bytes, at: int) -> tuple[str, int]:
    (size,) = _COUNT.unpack_from(data, at)
    end = at + _COUNT.size + size
    if end > len(data):
        raise IndexError("a text goes beyond its packet")
    return data[at + _COUNT.size : end].decode(errors="surrogateescape"), end


def _read_platform_time(frame: Frame, data: bytes) -> None:
    (frame.platform_time_s,) = _TIME.unpack_from(data)


_READERS = {
    Packet.EVENT_ADD: _read_added,
    Packet.EVENT_DEL: lambda frame, data: frame.removed.extend(row[0] for row in _rows(_ID, data)),
    Packet.EVENT_PARENT: lambda frame, data: frame.parents.extend(_rows(_PAIR, data)),
    Packet.COLLISION: lambda frame, data: frame.collisions.extend(Collided(*r) for r in _rows(_COLLISION, data)),
    Packet.POSITION: lambda frame, data: frame.positions.extend(_posed(data)),
    Packet.STATE: lambda frame, data: frame.lights.extend(LightState(*row) for row in _rows(_LIGHT, data)),
    Packet.ANIM_VEHICLE: lambda frame, data: frame.vehicles.extend(VehicleState(*r) for r in _rows(_VEHICLE, data)),
    Packet.ANIM_WALKER: lambda frame, data: frame.walkers.extend(_rows(_WALKER, data)),
    Packet.VEHICLE_LIGHT: lambda frame, data: frame.lamps.extend(_rows(_PAIR, data)),
    Packet.KINEMATICS: lambda frame, data: frame.kinematics.extend(_posed(data)),
    Packet.BOUNDING_BOX: lambda frame, data: frame.boxes.extend(_posed(data)),
    Packet.PLATFORM_TIME: _read_platform_time,
}


def total_time_s(file: BinaryIO) -> float:
    """When the last frame begins; reads only the frames' beginnings. The file must stand after its header."""
    last_s = 0.0
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        kind, size = _HEAD.unpack(head)
        if kind == Packet.FRAME_START:
            start = _frame_start(file, size)
            last_s = start[2] if start else last_s
        else:
            file.seek(size, 1)
    return last_s
