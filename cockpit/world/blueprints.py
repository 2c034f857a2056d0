"""Finding a blueprint on a CARLA server, with an error that names what there is."""

from __future__ import annotations

import contextlib

import carla

from cockpit.config import ConfigError


def find_blueprint(library: carla.BlueprintLibrary, blueprint_id: str) -> carla.ActorBlueprint:
    """A blueprint by its id.

    Raises:
        ConfigError: there is none of that id; the text lists those of its kind.

    """
    with contextlib.suppress(IndexError, RuntimeError):
        return library.find(blueprint_id)
    kind = blueprint_id.split(".", 1)[0]
    known = ", ".join(sorted(b.id for b in library.filter(f"{kind}.*")))
    raise ConfigError(f"blueprint '{blueprint_id}' is not on this server; it has: {known or 'none of that kind'}.")
