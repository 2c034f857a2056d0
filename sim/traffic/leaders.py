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


@part
def _nearest_point(
    path_x: np.ndarray,
    path_y: np.ndarray,
    path_z: np.ndarray,
    first: int,
    last: int,
    step: int,
    place: tuple[Any, Any, Any],
) -> tuple[int, float]:
    """Of every step-th point of a path from first to last, the nearest to a place on its level; its distance squared.

    The first of equals; -1 and infinity when the path is nowhere on that level.
    """
    x, y, z = place
    best, least = -1, math.inf
    for k in range(first, last + 1, step):
        if abs(path_z[k] - z) > LEVEL_M:
            continue
        dx, dy = path_x[k] - x, path_y[k] - y
        distance = dx * dx + dy * dy
        if distance < least:
            best, least = k, distance
    return best, least


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
    for d in range(len(own_body)):
        own = own_body[d]
        own_length, own_width = half_length[own], half_width[own]
        first = at[d] // STRIDE * STRIDE
        last = min(first + (int(horizon_m[d]) // STRIDE + 2) * STRIDE, (end[d] - 1) // STRIDE * STRIDE)
        low_x, high_x, low_y, high_y = _box(path_x[d], path_y[d], first, last)
        wide = own_width + abs(offset_m[d]) + 2.0 * MARGIN_M + STRIDE
        for b in range(len(x)):
            dx, dy = x[b] - x[own], y[b] - y[own]
            seen = horizon_m[d] + half_length[b]
            if b == own or not considered[d, b] or dx * dx + dy * dy >= seen * seen:
                continue
            place, reach = (x[b], y[b], z[b]), wide + half_length[b] + half_width[b]
            far = reach + COARSE
            if x[b] < low_x - far or x[b] > high_x + far or y[b] < low_y - far or y[b] > high_y + far:
                continue
            # Most bodies are nowhere near the path: every few points are enough to rule them out.
            near, distance = _nearest_point(path_x[d], path_y[d], path_z[d], first, last, COARSE, place)
            if near < 0 or distance >= (reach + COARSE + 1.0) ** 2:
                continue
            near, distance = _nearest_point(path_x[d], path_y[d], path_z[d], first, last, STRIDE, place)
            if distance >= reach * reach:
                continue
            heading = path_yaw[d, near]
            cos, sin = math.cos(heading), math.sin(heading)
            aside = cos * (y[b] - path_y[d, near]) - sin * (x[b] - path_x[d, near])
            turn = yaw[b] - heading
            if not _may_touch(aside - offset_m[d], turn, half_length[b], half_width[b], (own_length, own_width)):
                continue
            gap, speed = math.inf, 0.0
            # The nearest point of the path to a body's corner is not far from the nearest one to its middle.
            window = (math.ceil((half_length[b] + half_width[b]) / STRIDE) + 2) * STRIDE
            low, high = max(near - window, first), min(near + window, last)
            body_cos, body_sin = math.cos(yaw[b]), math.sin(yaw[b])
            for side in (-1.0, 1.0):
                for share in ALONG:
                    ahead, across = share * half_length[b], side * half_width[b]
                    px = x[b] + body_cos * ahead - body_sin * across
                    py = y[b] + body_sin * ahead + body_cos * across
                    k, _ = _nearest_point(path_x[d], path_y[d], path_z[d], low, high, STRIDE, (px, py, z[b]))
                    heading = path_yaw[d, k]
                    cos, sin = math.cos(heading), math.sin(heading)
                    dx, dy = px - path_x[d, k], py - path_y[d, k]
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
