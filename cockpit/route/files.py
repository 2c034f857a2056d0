"""Routes on disk, in the CARLA leaderboard's XML, so that its routes and ours can be exchanged.

`<routes><route id town><waypoints><position x y z/>...</waypoints></route></routes>`; positions are in CARLA's world
frame. Scenarios (`<scenarios><scenario name type><trigger_point x y z yaw/>...`, yaw in degrees) and weathers
(`<weathers><weather route_percentage .../>`) are read and written as the leaderboard has them.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cockpit.assets import asset
from cockpit.config import ConfigError
from cockpit.route.route import Route
from cockpit.route.scenario_spec import ScenarioSpec, WeatherAt
from recorder.schema import Pose, RouteCommand

MARGIN_M = 6.0
"""How far inside a stretch of one meaning its two waypoints lie."""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A route as described in a file: its waypoints, scenarios and weathers."""

    route_id: str
    town: str
    waypoints: tuple[tuple[float, float, float], ...]
    scenarios: tuple[ScenarioSpec, ...] = ()
    weathers: tuple[WeatherAt, ...] = ()
    """Ordered along the route; empty: the session's own."""


def shipped_routes(name: str) -> Path:
    """Path of a route file that comes with the program, such as ``millbrook_train``."""
    return asset("routes", f"{name}.xml")


def read_routes(path: Path | str) -> list[RouteSpec]:
    """Every route of a file, in its order.

    Raises:
        ConfigError: missing, not XML, without routes, or a route with fewer than two usable positions.

    """
    try:
        root = ET.parse(path).getroot()  # noqa: S314 (a file the user chose; entities are not expanded from outside)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Give a route file (XML).") from error
    except ET.ParseError as error:
        raise ConfigError(f"{path}: is not XML: {error}.") from error
    routes = [_read_route(path, element) for element in root.iter("route")]
    if not routes:
        raise ConfigError(f"{path}: has no <route> element; the CARLA leaderboard's format is expected.")
    return routes


def read_route(path: Path | str, route_id: str | None = None) -> RouteSpec:
    """One route of a file; the first when no id is given."""
    routes = read_routes(path)
    if route_id is None:
        return routes[0]
    found = next((route for route in routes if route.route_id == route_id), None)
    if found is None:
        raise ConfigError(f"{path}: has no route '{route_id}'; it has: {', '.join(r.route_id for r in routes)}.")
    return found


def write_routes(path: Path | str, routes: Iterable[RouteSpec]) -> None:
    """Write routes so that `read_routes`, and the leaderboard, can read them."""
    root = ET.Element("routes")
    for route in routes:
        element = ET.SubElement(root, "route", id=route.route_id, town=route.town)
        waypoints = ET.SubElement(element, "waypoints")
        for x, y, z in route.waypoints:
            ET.SubElement(waypoints, "position", x=f"{x:.2f}", y=f"{y:.2f}", z=f"{z:.2f}")
        # The leaderboard's own reader expects the element also where it is empty.
        scenarios = ET.SubElement(element, "scenarios")
        for spec in route.scenarios:
            _write_scenario(scenarios, spec)
        if route.weathers:
            weathers = ET.SubElement(element, "weathers")
            for weather in route.weathers:
                values = {name: f"{value:g}" for name, value in sorted(weather.values.items())}
                ET.SubElement(weathers, "weather", {"route_percentage": f"{100.0 * weather.share:g}", **values})
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def spec_from_route(route: Route) -> RouteSpec:
    """The fewest waypoints from which planning finds the same route: both ends of every stretch outside junctions."""
    follow = np.array([command is RouteCommand.LANE_FOLLOW for command in route.commands]) & ~route.is_junction
    edges = np.flatnonzero(np.diff(np.concatenate([[0], follow.astype(np.int8), [0]])))
    margin = int(MARGIN_M)
    kept = {0, len(route.points) - 1}
    for first, last in zip(edges[0::2], edges[1::2] - 1, strict=True):
        if last - first > 2 * margin:
            kept |= {int(first) + margin, int(last) - margin}
    places = tuple((float(x), float(y), float(z)) for x, y, z in route.points[sorted(kept), :3])
    return RouteSpec(route.route_id, route.town, places)


def _read_route(path: Path | str, element: ET.Element) -> RouteSpec:
    route_id = element.get("id", "")
    try:
        places = tuple(
            (float(p.attrib["x"]), float(p.attrib["y"]), float(p.get("z", 0.0)))
            for p in element.findall("waypoints/position")
        )
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{path}: route '{route_id}' has a position without numbers x and y ({error}).") from error
    if len(places) < 2:
        raise ConfigError(f"{path}: route '{route_id}' has {len(places)} position(s); it needs a start and a goal.")
    scenarios = tuple(_read_scenario(path, route_id, one) for one in element.findall("scenarios/scenario"))
    weathers = sorted(
        (_read_weather(path, route_id, one.attrib) for one in element.findall("weathers/weather")),
        key=lambda weather: weather.share,
    )
    return RouteSpec(route_id, element.get("town", ""), places, scenarios, tuple(weathers))


def _read_scenario(path: Path | str, route_id: str, element: ET.Element) -> ScenarioSpec:
    name = element.get("name", element.get("type", ""))
    point = element.find("trigger_point")
    if point is None or "type" not in element.attrib:
        raise ConfigError(f"{path}: scenario '{name}' of route '{route_id}' needs a type and a <trigger_point>.")
    try:
        x, y, z = (float(point.get(axis, "0" if axis == "z" else "")) for axis in "xyz")
        trigger = Pose(x, y, z, yaw=math.remainder(math.radians(float(point.get("yaw", ""))), math.tau))
    except ValueError as error:
        raise ConfigError(
            f"{path}: <trigger_point> of scenario '{name}', route '{route_id}', needs numbers x, y and yaw ({error})."
        ) from error
    parameters = {child.tag: dict(child.attrib) for child in element if child.tag != "trigger_point"}
    return ScenarioSpec(name, element.attrib["type"], trigger, parameters)


def _read_weather(path: Path | str, route_id: str, attributes: Mapping[str, str]) -> WeatherAt:
    try:
        values = {name: float(text) for name, text in attributes.items()}
    except ValueError as error:
        raise ConfigError(f"{path}: a <weather> of route '{route_id}' is not all numbers ({error}).") from error
    return WeatherAt(values.pop("route_percentage", 0.0) / 100.0, values)


def _write_scenario(parent: ET.Element, spec: ScenarioSpec) -> None:
    element = ET.SubElement(parent, "scenario", name=spec.name, type=spec.type)
    where = spec.trigger
    at = {"x": f"{where.x:.2f}", "y": f"{where.y:.2f}", "z": f"{where.z:.2f}"}
    ET.SubElement(element, "trigger_point", {**at, "yaw": f"{math.degrees(where.yaw):.1f}"})
    for key, attributes in spec.parameters.items():
        ET.SubElement(element, key, dict(attributes))
