"""Paths of the files that come with the program: rigs, device profiles, routes, towns, policies, sounds, texts.

Reads no file: that is left to the modules that know the formats.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def asset(*parts: str) -> Path:
    """Path of a shipped file or folder, ``asset("routes", "millbrook_train.xml")``. It need not exist."""
    return Path(str(resources.files("assets").joinpath(*parts)))
