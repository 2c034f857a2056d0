"""What a client may write into an actor's attributes: each value is checked once, when the actor is spawned.

What comes out is safe for everything that reads it later: whole numbers are digits, numbers are finite, switches are
"true" or "false", colours three channels of 0 to 255. Texts of errors are those of CARLA's client library, which makes
most of these checks before it sends.
"""

from __future__ import annotations

import re
from typing import Any

from sim.world.blueprint_types import Attribute, AttributeType, Blueprint
from sim.world.errors import WorldError

LARGEST_INTEGER = 2**31 - 1
LARGEST_NUMBER = 1e12
"""Far beyond any length, rate or angle, and small enough to be multiplied without overflow."""
LARGEST_UID = 2**32 - 1

# As C's atoi and atof, which CARLA's server reads values with: what follows the number is ignored ("3.5f").
_INTEGER = re.compile(r"\s*([+-]?\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)", re.ASCII | re.IGNORECASE)


def checked_description(blueprint: Blueprint, description: Any) -> list[Any]:
    """An ActorDescription [uid, type id, [[name, type, value], ...]] with every part of its right kind.

    WorldError when it is something else. Attributes that the blueprint does not have are kept, as text, for the clients
    that asked for them.
    """
    try:
        uid, _, rows = description
        texts = [[name, int(kind) & 0xFF, value] for name, kind, value in rows]
    except (TypeError, ValueError):
        raise WorldError("Spawn failed because of invalid actor description") from None
    is_uid = isinstance(uid, int) and 0 <= uid <= LARGEST_UID
    if not is_uid or not all(isinstance(text, str) for name, _, value in texts for text in (name, value)):
        raise WorldError("Spawn failed because of invalid actor description")
    return [int(uid), blueprint.type_id, texts]


def attribute_values(blueprint: Blueprint, description: list[Any]) -> dict[str, str]:
    """The value of each of the blueprint's attributes: as a checked description sets it, else the blueprint's own.

    WorldError when a value is not of its attribute's type.
    """
    sent = {name: value for name, _, value in description[2]}
    return {
        attribute.name: _checked(attribute, sent[attribute.name])
        if attribute.modifiable and attribute.name in sent
        else attribute.value
        for attribute in blueprint.attributes
    }


def _checked(attribute: Attribute, value: str) -> str:
    try:
        if attribute.restricted and value not in attribute.recommended:
            raise ValueError(f"value not allowed: {value}, it must be one of {', '.join(attribute.recommended)}")
        return _READERS[attribute.type](value)
    except ValueError as error:
        raise WorldError(f"Spawn failed: {attribute.name}: {str(error)[:200]}") from None


def _bool(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise ValueError(f"invalid bool: {value}")
    return value.lower()


def _int(value: str) -> str:
    found = _INTEGER.match(value)
    if found is None:
        raise ValueError(f"invalid int: {value}")
    if abs(int(found[1])) > LARGEST_INTEGER:
        raise ValueError(f"integer overflow: {value}")
    return str(int(found[1]))


def _float(value: str) -> str:
    found = _NUMBER.match(value)
    if found is None:
        raise ValueError(f"invalid float: {value}")
    if abs(float(found[1])) > LARGEST_NUMBER:
        raise ValueError(f"float overflow: {value}")
    return repr(float(found[1]))


def _colour(value: str) -> str:
    channels = value.split(",")
    if len(channels) != 3:
        raise ValueError("colors must have 3 channels (R,G,B)")
    numbers = [_int(channel) for channel in channels]
    if not all(0 <= int(number) <= 255 for number in numbers):
        raise ValueError("integer overflow in color channel")
    return ",".join(numbers)


_READERS = {
    AttributeType.BOOL: _bool,
    AttributeType.INT: _int,
    AttributeType.FLOAT: _float,
    AttributeType.COLOR: _colour,
    AttributeType.STRING: str,
}
