"""Other names for maps: scripts written for CARLA's towns name them, and stop where they are missing.

An alias is the name of one of CARLA's towns for a map of ours. It changes no road: a script that has places of that
town written into it finds something else there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sim.map.files import MapFile, MapFileError, find_map, read_map

_LIKENESS = {
    "Town01": "Millbrook",  # a small town: streets of one lane each way, traffic lights at the junctions
    "Town02": "Millbrook",  # the same, smaller
    "Town03": "Flatfield",  # CARLA's tests and tools have its places written into them: open asphalt there
    "Town04": "Kingsway",  # a motorway with exits around a town
    "Town05": "Flatfield",  # the same: long straights of several lanes each way
    "Town06": "Kingsway",  # long roads of many lanes with entries and exits
    "Town07": "Highfield",  # narrow country roads, almost no traffic lights
    "Town10HD": "Millbrook",  # an avenue between signalised junctions; CARLA's default town, as Millbrook is here
    "Town12": "Kingsway",  # city, side streets and motorway in one map
}
_LAYERED = "_Opt"
"""End of the names of CARLA's maps with layers; the large map Town12 has none."""


def default_aliases() -> dict[str, Path]:
    """The towns that CARLA is shipped with, each as the one of ours that serves its scripts best."""
    names = dict(_LIKENESS)
    names |= {name + _LAYERED: town for name, town in _LIKENESS.items() if name != "Town12"}
    return {name: find_map(town) for name, town in sorted(names.items())}


def parse_aliases(pairs: Iterable[str]) -> dict[str, Path]:
    """Aliases written as NAME=MAP, with MAP a shipped town's name or a file; MapFileError for anything else."""
    aliases = {}
    for pair in pairs:
        name, _, town = pair.partition("=")
        if not name or not town or "/" in name:
            raise MapFileError(f"alias '{pair}' is not understood: write NAME=MAP, for example Town03=Kingsway")
        aliases[name] = find_map(town)
    return aliases


def find_named_map(name_or_path: str, aliases: dict[str, Path]) -> tuple[Path, MapFile]:
    """The file of an alias, a shipped town's name or a path, and the map in it, under its alias if it was named so.

    Raises MapFileError when there is no such map, or it cannot be read.
    """
    alias = next((name for name in aliases if name.lower() == name_or_path.lower()), None)
    if alias is None or Path(name_or_path).is_file():
        path = find_map(name_or_path)
        return path, read_map(path)
    return aliases[alias], read_map(aliases[alias], alias)
