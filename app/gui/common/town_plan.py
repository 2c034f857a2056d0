"""A town's plan as arrays: lanes, their borders and a route. Pure geometry for `map_view`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import carla
import numpy as np
from numpy.typing import NDArray

from cockpit.config import ConfigError
from cockpit.route.files import read_route
from cockpit.route.lanes import LaneGraph
from cockpit.route.planning import plan_route, random_route

STEP_M = 2.0


@dataclass(frozen=True, slots=True)
class PlanLane:
    """One lane: centre line and borders, (N, 2) x, y in the world frame."""

    centre: NDArray[np.float64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    is_junction: bool


@dataclass(frozen=True, slots=True)
class TownPlan:
    """All driving lanes of a town."""

    name: str
    lanes: tuple[PlanLane, ...]
    graph: LaneGraph

    def bounds(self) -> tuple[float, float, float, float]:
        """Least x, least y, greatest x, greatest y of all lanes, metres."""
        points = np.vstack([lane.centre for lane in self.lanes])
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def plan_from_opendrive(name: str, opendrive: str) -> TownPlan:
    """The town of an OpenDRIVE text.

    Raises:
        ConfigError: it is no OpenDRIVE, or has no driving lane.
    """
    try:
        graph = LaneGraph(carla.Map(name, opendrive))
    except (RuntimeError, KeyError, SyntaxError) as error:
        raise ConfigError(f"town {name} cannot be read as OpenDRIVE: {error}") from error
    lanes = tuple(_plan_lane(graph, key) for key in graph.lanes)
    if not lanes:
        raise ConfigError(f"town {name} has no driving lane")
    return TownPlan(name, lanes, graph)


def route_preview(
    plan: TownPlan, route_file: Path | None, route_id: str | None, seed: int, length_m: float
) -> NDArray[np.float64]:
    """(N, 2) x, y of the route that these settings drive.

    Raises:
        ConfigError, RouteError: the file or the route is not usable in this town.
    """
    if route_file is None:
        return random_route(plan.graph, seed, length_m).points[:, :2]
    spec = read_route(route_file, route_id)
    return plan_route(plan.graph, spec.waypoints, spec.route_id).points[:, :2]


def _plan_lane(graph: LaneGraph, key: tuple[int, int, int]) -> PlanLane:
    lane = graph.lanes[key]
    points = graph.points(key, 0.0, lane.length_m, STEP_M)
    centre = points.xyz[:, :2]
    along = np.gradient(centre, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.c_[-along[:, 1], along[:, 0]] * points.width[:, None] / 2
    return PlanLane(centre, centre - across, centre + across, lane.is_junction)
