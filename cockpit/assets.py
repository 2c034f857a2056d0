"""Where the files that come with the program lie: rigs, device profiles, routes, towns, policies, sounds, texts.

Holds the path only; reading a file is the work of whoever knows its format.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def asset(*parts: str) -> Path:
    """Path of a shipped file or folder, ``asset("routes", "millbrook_train.xml")``. It need not exist."""
    return Path(str(resources.files("assets").joinpath(*parts)))
