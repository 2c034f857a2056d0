"""Who is in the way: everything that stands or moves within the strip that a driver's path sweeps.

Purely geometrical, so that it finds cars across lane borders and in junctions, the ego, walkers and props alike. Bodies
are points along both sides of their boxes. A compiled loop over all drivers and bodies.
"""

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from sim.kernels import compiled, part
from sim.map.lane_search import LEVEL_M
from sim.traffic.paths import Paths
from sim.vehicles.fleet import Vehicles
from sim.world.collisions import Obstacles

MARGIN_M = 0.3
"""Free space that drivers keep on both sides."""
#: Obstacles that move count where they will be after these times too, seconds.
FORESIGHT_S = (0.7, 1.4)
STRIDE = 2
COARSE = 8
#: The points of a path of which one box is kept, a multiple of both.
STRETCH = 16
#: Half the curvature of the sharpest bend that a body may stand in, 1/m.
SHARPEST_BEND_PM = 0.08
#: The points of a body, in half lengths (on both sides): near enough to each other that no car fits in between.
ALONG = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Bodies:
    """Everything that may be in the way, vehicles first; (M,) each. Velocities are in the world."""

    ids: np.ndarray
    """Actor ids; an obstacle that moves is here more than once."""
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    """Height of the ground under them."""
    yaw: np.ndarray
    half_length: np.ndarray
    half_width: np.ndarray
    vx: np.ndarray
    vy: np.ndarray


@dataclass(frozen=True)
class Leaders:
    """Pairs of a driver and a body in its way; (P,) each."""

    driver: np.ndarray
    body: np.ndarray
    gap_m: np.ndarray
    """From the driver's front to the body, along the path."""
    speed_mps: np.ndarray
    """The body's speed along the path, never negative."""


def nearest_of_each(leaders: Leaders, drivers: int, below_mps: float = math.inf) -> np.ndarray:
    """The nearest leader slower than a speed of each of N drivers: its row in `leaders`, -1 for none; (N,).

    The first of equals.
    """
    found = np.empty(drivers, np.int64)
    _nearest_of_each(leaders.driver, leaders.gap_m, leaders.speed_mps, below_mps, found)
    return found


def bodies_of(vehicles: Vehicles, obstacles: Obstacles) -> Bodies:
    """All vehicles and obstacles; of obstacles that move, also where they will be."""
    velocity = vehicles.world_velocity()
    of_vehicles = (
        *(vehicles.ids, vehicles.x, vehicles.y, vehicles.z, vehicles.yaw),
        *(0.5 * vehicles.p["length_m"], 0.5 * vehicles.p["width_m"], velocity[:, 0], velocity[:, 1]),
    )
    if not len(obstacles):
        return Bodies(*(np.ascontiguousarray(column) for column in of_vehicles))
    moving = np.hypot(obstacles.vx, obstacles.vy) > 0.2
    times = [(0.0, np.ones(len(obstacles), bool)), *((time_s, moving) for time_s in FORESIGHT_S)]
    height = obstacles.z
    still = (height, obstacles.yaw, obstacles.half_length, obstacles.half_width, obstacles.vx, obstacles.vy)
    parts = [
        (
            obstacles.ids[kept],
            (obstacles.x + time_s * obstacles.vx)[kept],
            (obstacles.y + time_s * obstacles.vy)[kept],
            *(column[kept] for column in still),
        )
        for time_s, kept in times
    ]
    return Bodies(*(np.concatenate(columns) for columns in zip(of_vehicles, *parts, strict=True)))


def find_leaders(
    paths: Paths,
    odometer_m: np.ndarray,
    offset_m: np.ndarray,
    own_body: np.ndarray,
    horizon_m: np.ndarray,
    bodies: Bodies,
    considered: np.ndarray,
) -> Leaders:
    """Bodies on each driver's path and level, no further ahead than horizon_m (N,); by driver, then by body.

    Args:
        paths: the paths of N drivers.
        odometer_m: where the drivers are along them, (N,).
        offset_m: how far to the right of their paths they drive, (N,).
        own_body: each driver's own row in `bodies`, (N,).
        horizon_m: how far they look, (N,).
        bodies: M bodies.
        considered: (N, M) bool, False where a driver does not see a body.
    """
    most = 8 * len(own_body) + 64
    while True:
        pairs, numbers = np.empty((2, most), np.int64), np.empty((2, most))
        count = _find(
            *(paths.x, paths.y, paths.z, paths.yaw, paths.curvature, paths.base_m, paths.at, paths.end),
            *(odometer_m, offset_m, own_body, horizon_m),
            *(bodies.x, bodies.y, bodies.z, bodies.yaw, bodies.half_length, bodies.half_width, bodies.vx, bodies.vy),
            *(considered, pairs, numbers),
        )
        if count <= most:
            return Leaders(pairs[0, :count], pairs[1, :count], numbers[0, :count], numbers[1, :count])
        most = count


_TABLE, _COLUMN, _INDEX = numba.float64[:, ::1], numba.float64[::1], numba.int64[::1]


@compiled(numba.void(_INDEX, _COLUMN, _COLUMN, numba.float64, _INDEX))
def _nearest_of_each(
    driver: np.ndarray, gap_m: np.ndarray, speed_mps: np.ndarray, below_mps: float, found: np.ndarray
) -> None:
    found[:] = -1
    for p in range(len(driver)):
        if speed_mps[p] < below_mps and (found[driver[p]] < 0 or gap_m[p] < gap_m[found[driver[p]]]):
            found[driver[p]] = p


@part
def _nearest_point(
    path_x: np.ndarray, path_y: np.ndarray, path_z: np.ndarray, boxes: np.ndarray, first: int, last: int, place: Any
) -> tuple[int, float]:
    """Of every `STRIDE`-th point from first to last, the nearest to a place on its level, and its distance squared.

    The first of equals; -1 and infinity when no `COARSE`-th point is near enough and on that level. `boxes` are those
    of `_note_boxes`; a stretch whose box is further away than a point already known is not looked at.
    """
    x, y, z, reach = place
    best, least, bound = -1, math.inf, math.inf
    for k in range(first, last + 1, COARSE):
        if abs(path_z[k] - z) <= LEVEL_M:
            dx, dy = path_x[k] - x, path_y[k] - y
            bound = min(bound, dx * dx + dy * dy)
    # Most bodies are nowhere near the path: every few points are enough to rule them out.
    if not bound < (reach + COARSE + 1.0) ** 2:
        return -1, math.inf
    for box in range((last - first) // STRETCH + 1):
        dx = max(boxes[box, 0] - x, x - boxes[box, 1], 0.0)
        dy = max(boxes[box, 2] - y, y - boxes[box, 3], 0.0)
        if dx * dx + dy * dy > min(bound, least):
            continue
        begin = first + box * STRETCH
        for k in range(begin, min(begin + STRETCH, last + 1), STRIDE):
            if abs(path_z[k] - z) > LEVEL_M:
                continue
            dx, dy = path_x[k] - x, path_y[k] - y
            distance = dx * dx + dy * dy
            if distance < least:
                best, least = k, distance
    return best, least


@part
def _note_boxes(path_x: np.ndarray, path_y: np.ndarray, first: int, last: int, boxes: np.ndarray) -> None:
    """Least and greatest x, then y, of each `STRETCH` of a path."""
    for box in range((last - first) // STRETCH + 1):
        begin = first + box * STRETCH
        low_x = high_x = path_x[begin]
        low_y = high_y = path_y[begin]
        for k in range(begin, min(begin + STRETCH, last + 1), STRIDE):
            low_x, high_x = min(low_x, path_x[k]), max(high_x, path_x[k])
            low_y, high_y = min(low_y, path_y[k]), max(high_y, path_y[k])
        boxes[box, 0], boxes[box, 1], boxes[box, 2], boxes[box, 3] = low_x, high_x, low_y, high_y


@part
def _nearest_to_corners(
    path_x: np.ndarray, path_y: np.ndarray, path_z: np.ndarray, low: int, high: int, z: float, corners: np.ndarray
) -> None:
    """For corners (x, y in rows 0 and 1) the nearest points from low to high, the first of equals, into row 3."""
    corners[2], corners[3] = math.inf, -1.0
    for k in range(low, high + 1, STRIDE):
        if abs(path_z[k] - z) > LEVEL_M:
            continue
        px, py, number = path_x[k], path_y[k], float(k)
        for c in range(corners.shape[1]):
            dx, dy = px - corners[0, c], py - corners[1, c]
            distance = dx * dx + dy * dy
            nearer = distance < corners[2, c]
            corners[2, c] = distance if nearer else corners[2, c]
            corners[3, c] = number if nearer else corners[3, c]


@part
def _box(path_x: np.ndarray, path_y: np.ndarray, first: int, last: int) -> tuple[Any, Any, Any, Any]:
    """Least and greatest x, then y, of every few points of a path."""
    low_x, high_x = min(path_x[first], path_x[last]), max(path_x[first], path_x[last])
    low_y, high_y = min(path_y[first], path_y[last]), max(path_y[first], path_y[last])
    for k in range(first, last + 1, COARSE):
        low_x, high_x = min(low_x, path_x[k]), max(high_x, path_x[k])
        low_y, high_y = min(low_y, path_y[k]), max(high_y, path_y[k])
    return low_x, high_x, low_y, high_y


@part
def _may_touch(aside_m: float, turn: float, half_length: float, half_width: float, own: tuple[Any, Any]) -> bool:
    """Whether a body reaches into a driver's strip: from its box seen along the path where it is nearest."""
    own_length, own_width = own
    extent = abs(math.sin(turn)) * half_length + abs(math.cos(turn)) * half_width
    bend = SHARPEST_BEND_PM * (half_length * half_length + own_length * own_length)
    return abs(aside_m) - extent - bend < own_width + 2.0 * MARGIN_M


@compiled(
    numba.int64(
        *(_TABLE, _TABLE, _TABLE, _TABLE, _TABLE, _COLUMN, _INDEX, _INDEX),
        *(_COLUMN, _COLUMN, _INDEX, _COLUMN),
        *(_COLUMN, _COLUMN, _COLUMN, _COLUMN, _COLUMN, _COLUMN, _COLUMN, _COLUMN),
        *(numba.boolean[:, ::1], numba.int64[:, ::1], numba.float64[:, ::1]),
    )
)
def _find(
    path_x: np.ndarray,
    path_y: np.ndarray,
    path_z: np.ndarray,
    path_yaw: np.ndarray,
    curvature: np.ndarray,
    base_m: np.ndarray,
    at: np.ndarray,
    end: np.ndarray,
    odometer_m: np.ndarray,
    offset_m: np.ndarray,
    own_body: np.ndarray,
    horizon_m: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    yaw: np.ndarray,
    half_length: np.ndarray,
    half_width: np.ndarray,
    vx: np.ndarray,
    vy: np.ndarray,
    considered: np.ndarray,
    pairs: np.ndarray,
    numbers: np.ndarray,
) -> int:
    count, most = 0, pairs.shape[1]
    boxes = np.empty((path_x.shape[1] // STRETCH + 1, 4))
    corners = np.empty((4, 2 * len(ALONG)))
    for d in range(len(own_body)):
        own = own_body[d]
        own_x, own_y, own_length, own_width = x[own], y[own], half_length[own], half_width[own]
        line_x, line_y, line_z, line_yaw = path_x[d], path_y[d], path_z[d], path_yaw[d]
        first = at[d] // STRIDE * STRIDE
        last = min(first + (int(horizon_m[d]) // STRIDE + 2) * STRIDE, (end[d] - 1) // STRIDE * STRIDE)
        low_x, high_x, low_y, high_y = _box(line_x, line_y, first, last)
        _note_boxes(line_x, line_y, first, last, boxes)
        wide = own_width + abs(offset_m[d]) + 2.0 * MARGIN_M + STRIDE
        for b in range(len(x)):
            dx, dy = x[b] - own_x, y[b] - own_y
            seen = horizon_m[d] + half_length[b]
            if dx * dx + dy * dy >= seen * seen or b == own or not considered[d, b]:
                continue
            reach = wide + half_length[b] + half_width[b]
            far = reach + COARSE
            if x[b] < low_x - far or x[b] > high_x + far or y[b] < low_y - far or y[b] > high_y + far:
                continue
            near, distance = _nearest_point(line_x, line_y, line_z, boxes, first, last, (x[b], y[b], z[b], reach))
            if near < 0 or distance >= reach * reach:
                continue
            heading = line_yaw[near]
            cos, sin = math.cos(heading), math.sin(heading)
            aside = cos * (y[b] - line_y[near]) - sin * (x[b] - line_x[near])
            turn = yaw[b] - heading
            if not _may_touch(aside - offset_m[d], turn, half_length[b], half_width[b], (own_length, own_width)):
                continue
            gap, speed = math.inf, 0.0
            # The nearest point of the path to a body's corner is not far from the nearest one to its middle.
            window = (math.ceil((half_length[b] + half_width[b]) / STRIDE) + 2) * STRIDE
            low, high = max(near - window, first), min(near + window, last)
            body_cos, body_sin = math.cos(yaw[b]), math.sin(yaw[b])
            for c in range(2 * len(ALONG)):
                ahead = ALONG[c % len(ALONG)] * half_length[b]
                across = -half_width[b] if c < len(ALONG) else half_width[b]
                corners[0, c] = x[b] + body_cos * ahead - body_sin * across
                corners[1, c] = y[b] + body_sin * ahead + body_cos * across
            _nearest_to_corners(line_x, line_y, line_z, low, high, z[b], corners)
            known = near
            for c in range(2 * len(ALONG)):
                k = int(corners[3, c])
                if k != known:
                    known, heading = k, line_yaw[k]
                    cos, sin = math.cos(heading), math.sin(heading)
                dx, dy = corners[0, c] - line_x[k], corners[1, c] - line_y[k]
                along, aside = cos * dx + sin * dy, cos * dy - sin * dx - offset_m[d]
                # In a bend the corners reach further out.
                swept = own_width + 0.5 * own_length * own_length * abs(curvature[d, k]) + MARGIN_M
                at_m = base_m[d] + k + along
                if abs(aside) >= swept or abs(along) >= STRIDE + 1.0 or at_m <= odometer_m[d]:
                    continue
                if at_m - (odometer_m[d] + own_length) < gap:
                    gap = at_m - (odometer_m[d] + own_length)
                    speed = vx[b] * cos + vy[b] * sin
            if gap < horizon_m[d]:
                if count < most:
                    pairs[0, count], pairs[1, count] = d, b
                    numbers[0, count], numbers[1, count] = gap, max(speed, 0.0)
                count += 1
    return count
