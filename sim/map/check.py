"""Checks an OpenDRIVE text before CARLA's library reads it: that library crashes on some files and reports little.

Only what would make a map unusable is refused, each with one message that names the road and the element.
"""

from __future__ import annotations

import math

from sim.map.opendrive import SHAPES, Element, XmlError, root_of

CUBIC = ("a", "b", "c", "d")


class MapTextError(ValueError):
    """An OpenDRIVE text that cannot be used; the text names the element and what is wrong with it."""


def check_map(opendrive: str) -> None:
    """Raise MapTextError where the text is no map that can be driven on."""
    try:
        root = root_of(opendrive)
    except XmlError as error:
        raise MapTextError(f"not well-formed XML ({error}): give the text of an OpenDRIVE (.xodr) file") from None
    if root.tag != "OpenDRIVE":
        raise MapTextError(f"the outermost element is <{root.tag}>, not <OpenDRIVE>: give an OpenDRIVE (.xodr) file")
    roads = root.findall("road")
    if not roads:
        raise MapTextError("it has no <road>: there is nothing to drive on")
    ids: set[str] = set()
    for road in roads:
        check_road(road, ids)
    check_links(root, roads, ids)
    if not any(lane.get("type") == "driving" for road in roads for lane in road.iter("lane")):
        raise MapTextError('it has no driving lanes: at least one <lane> must have type="driving"')


def check_road(road: Element, ids: set[str]) -> None:
    """One road: its id, length, reference line and lanes."""
    name = road.get("id", "")
    where = f"road {name or '(without id)'}"
    if not name.lstrip("-").isdigit():
        raise MapTextError(f"{where}: its id must be a whole number (CARLA reads no other)")
    if name in ids:
        raise MapTextError(f"{where}: this id is used twice")
    ids.add(name)
    if number(road, "length", where) <= 0.0:
        raise MapTextError(f"{where}: its length must be above 0, it is {road.get('length')}")
    pieces = road.findall("planView/geometry")
    if not pieces:
        raise MapTextError(f"{where}: <planView> has no <geometry>, so the road has no reference line")
    for k, piece in enumerate(pieces):
        check_geometry(piece, f"{where}, geometry {k + 1}")
    sections = road.findall("lanes/laneSection")
    if not sections:
        raise MapTextError(f"{where}: <lanes> has no <laneSection>")
    for k, section in enumerate(sections):
        check_section(section, f"{where}, lane section {k + 1}")
    for tag in ("elevationProfile/elevation", "lanes/laneOffset"):
        for record in road.findall(tag):
            for key in ("s", *CUBIC):
                number(record, key, f"{where}, {record.tag}")


def check_geometry(piece: Element, where: str) -> None:
    """One stretch of the reference line."""
    for key in ("s", "x", "y", "hdg", "length"):
        number(piece, key, where)
    shapes = [child for child in piece if child.tag != "userData"]
    if not shapes or shapes[0].tag not in SHAPES:
        found = f"<{shapes[0].tag}>" if shapes else "nothing"
        raise MapTextError(f"{where}: it holds {found}; one of {', '.join(SHAPES)} is needed")
    if piece[0] is not shapes[0]:  # CARLA's library takes the first element for the shape
        raise MapTextError(f"{where}: its first element is <{piece[0].tag}>; it must be <{shapes[0].tag}>")
    for key in SHAPES[shapes[0].tag]:
        number(shapes[0], key, f"{where}, {shapes[0].tag}")


def check_section(section: Element, where: str) -> None:
    """One lane section: lane ids that count outward from the centre without a gap."""
    number(section, "s", where)
    for side, sign in (("left", 1), ("right", -1)):
        found = []
        for lane in section.findall(f"{side}/lane"):
            try:
                found.append(int(lane.get("id", "")))
            except ValueError:
                raise MapTextError(f"{where}: lane id '{lane.get('id')}' is no whole number") from None
            for width in lane.findall("width"):
                for key in ("sOffset", *CUBIC):
                    number(width, key, f"{where}, lane {found[-1]}, width")
        expected = [sign * (k + 1) for k in range(len(found))]
        if sorted(found, key=abs) != expected:
            raise MapTextError(f"{where}: lanes on the {side} are {found}; they must count {expected} from the centre")


def check_links(root: Element, roads: list[Element], ids: set[str]) -> None:
    """Junctions that are named exist (a link to a road that does not is only a dead end)."""
    junctions = {junction.get("id") for junction in root.findall("junction")}
    for road in roads:
        for link in road.findall("link/*"):
            if link.get("elementType") == "junction" and link.get("elementId") not in junctions:
                raise MapTextError(
                    f"road {road.get('id')}: its {link.tag} is junction {link.get('elementId')}, "
                    "which the file does not have"
                )
    for junction in root.findall("junction"):
        for connection in junction.findall("connection"):
            for key in ("incomingRoad", "connectingRoad"):
                road_id = connection.get(key)
                if road_id is not None and road_id not in ids:
                    raise MapTextError(f"junction {junction.get('id')}: its {key} {road_id} is not in the file")


def number(element: Element, key: str, where: str) -> float:
    """A finite number; OpenDRIVE's missing attributes are 0."""
    text = element.get(key, "0")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise MapTextError(f'{where}: {key}="{text}" is not a number')
    return value
