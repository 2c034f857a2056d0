"""Map files: finding them, reading them, and what a client calls them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

DEFAULT_MAP = "millbrook.xodr"
GENERATED_MAP = "OpenDriveMap"
"""CARLA's name for a map made from text that a client sent."""


class MapFileError(Exception):
    """A map file that cannot be read; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class MapFile:
    """A map by name with its OpenDRIVE text."""

    name: str
    opendrive: str


def town_name(path: Path) -> str:
    """What clients call the map of a file: its stem with a capital, as CARLA's towns are written."""
    return path.stem[:1].upper() + path.stem[1:]


def read_map(path: Path) -> MapFile:
    """Read an OpenDRIVE file; MapFileError when that fails."""
    try:
        return MapFile(town_name(path), path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MapFileError(f"map {path} does not exist: give the path of an OpenDRIVE (.xodr) file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MapFileError(f"map {path} cannot be read ({error}): give an OpenDRIVE (.xodr) file") from None


def shipped_folder() -> Path:
    """Where the project's own towns are."""
    return Path(str(resources.files("assets"))) / "maps"


def shipped_map() -> Path:
    """The default town."""
    return shipped_folder() / DEFAULT_MAP


def known_maps(start: Path) -> dict[str, Path]:
    """Every map that a client may load, by name: the shipped ones and those beside the file we started with."""
    files = sorted({*shipped_folder().glob("*.xodr"), *start.parent.glob("*.xodr"), start})
    return {town_name(path): path for path in files if path != start} | {town_name(start): start}
