"""What a blueprint is: the kinds of actors, and the records that the blueprint tables are made of."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sim.vehicles.spec import VehicleSpec


class Kind(enum.Enum):
    """What the world does with an actor."""

    VEHICLE = enum.auto()
    WALKER = enum.auto()
    PROP = enum.auto()
    CAMERA = enum.auto()
    COLLISION_SENSOR = enum.auto()
    MEASURING_SENSOR = enum.auto()
    """A sensor that sends numbers every tick: IMU, GNSS, LiDAR, radar, obstacle detector."""
    V2X_SENSOR = enum.auto()
    """A radio station: it sends and receives messages."""
    CLIENT_SENSOR = enum.auto()
    """A sensor that the client library computes itself: it has no stream."""
    CONTROLLER = enum.auto()
    TRIGGER = enum.auto()
    """A box that acts on the vehicles inside it."""
    TRAFFIC_LIGHT = enum.auto()
    TRAFFIC_SIGN = enum.auto()
    SPECTATOR = enum.auto()


class AttributeType(enum.IntEnum):
    """`carla::rpc::ActorAttributeType`."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a blueprint with its default."""

    name: str
    type: AttributeType
    value: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = True
    restricted: bool = False
    """Whether only the recommended values are taken."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Something that a client can spawn."""

    type_id: str
    kind: Kind
    attributes: tuple[Attribute, ...]
    extent_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Half length, half width, half height of the bounding box."""
    box_offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre of the box in the actor's frame: vehicles and props stand on their origin, walkers are centred on it."""
    semantic_tags: bytes = b""
    spec: VehicleSpec | None = None
    """Set for vehicles."""


STREAMING_KINDS = frozenset({Kind.CAMERA, Kind.COLLISION_SENSOR, Kind.MEASURING_SENSOR, Kind.V2X_SENSOR})
"""Actors of these kinds have a stream that clients can listen to."""


def text(name: str, value: str, recommended: tuple[str, ...] = (), modifiable: bool = True) -> Attribute:
    """An attribute that holds text."""
    return Attribute(name, AttributeType.STRING, value, recommended, modifiable)


def fixed(name: str, kind: AttributeType, value: str) -> Attribute:
    """An attribute that a client can read but not change."""
    return Attribute(name, kind, value, (), False)
