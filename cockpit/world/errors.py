"""What may go wrong with a CARLA world."""

from __future__ import annotations


class WorldError(RuntimeError):
    """The world cannot be used as asked (no such town, blocked spawn point, a camera fell silent)."""


class WorldLost(WorldError):  # noqa: N818 (it names what happened)
    """The server does not answer any more."""
