"""Map files: finding them, reading them, and what a client calls them."""

from __future__ import annotations

import re
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


_BEND = re.compile(r"<(arc|spiral)\s([^<>]*?)\s*(?:/>|>\s*</\1>)")
_STRAIGHT_PER_M = 1e-7
_JUNCTION = re.compile(r"<junction\s[^<>]*?\bid\s*=\s*\"([^\"]*)\"")
_TO_JUNCTION = re.compile(r"<(?:predecessor|successor)\s[^<>]*?elementType\s*=\s*\"junction\"[^<>]*?/>")
_ELEMENT_ID = re.compile(r"elementId\s*=\s*\"([^\"]*)\"")


def mended(opendrive: str) -> str:
    """The text with arcs that do not bend written as lines, spirals of one curvature as arcs, and dead ends as ends.

    The first two are valid, but CARLA's library divides by the curvature, and by its change, and gives no positions
    on them. Links to junctions that the file lacks are what converters write where a road ends (CARLA's Osm2Odr too).
    """
    junctions = set(_JUNCTION.findall(opendrive))

    def end(link: re.Match[str]) -> str:
        named = _ELEMENT_ID.search(link[0])
        return link[0] if named and named[1] in junctions else ""

    return _TO_JUNCTION.sub(end, _BEND.sub(_simpler, opendrive))


def _simpler(found: re.Match[str]) -> str:
    values = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', found[2]))
    try:
        if found[1] == "arc":
            first = last = float(values["curvature"])
        else:
            first, last = float(values["curvStart"]), float(values["curvEnd"])
    except (KeyError, ValueError):
        return found[0]
    if max(abs(first), abs(last)) < _STRAIGHT_PER_M:
        return "<line/>"
    if found[1] == "spiral" and abs(last - first) < _STRAIGHT_PER_M:
        return f'<arc curvature="{first!r}"/>'
    return found[0]


def town_name(path: Path) -> str:
    """What clients call the map of a file: its stem with a capital, as CARLA's towns are written."""
    return path.stem[:1].upper() + path.stem[1:]


def read_map(path: Path, name: str | None = None) -> MapFile:
    """Read an OpenDRIVE file, as the map of a name (default: its `town_name`); MapFileError when that fails."""
    try:
        return MapFile(name or town_name(path), mended(path.read_text(encoding="utf-8-sig")))
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


def find_map(name_or_path: str) -> Path:
    """The file of a shipped town's name (Kingsway, kingsway), or the path itself; MapFileError when it is neither."""
    path = Path(name_or_path)
    shipped = {town.stem.lower(): town for town in sorted(shipped_folder().glob("*.xodr"))}
    if path.is_file() or name_or_path.lower() not in shipped:
        if path.exists():
            return path
        towns = ", ".join(town_name(town) for town in shipped.values())
        raise MapFileError(f"map {name_or_path} does not exist: give an OpenDRIVE (.xodr) file or one of {towns}")
    return shipped[name_or_path.lower()]


def known_maps(start: Path, aliases: dict[str, Path]) -> dict[str, Path]:
    """Every map that a client may load, by name: the shipped ones, those beside the file we started with, and aliases.

    A file of an alias's name is loaded in the alias's place.
    """
    files = sorted({*shipped_folder().glob("*.xodr"), *start.parent.glob("*.xodr"), start})
    named = {town_name(path): path for path in files if path != start} | {town_name(start): start}
    taken = {name.lower() for name in named}
    return named | {name: path for name, path in aliases.items() if name.lower() not in taken}
