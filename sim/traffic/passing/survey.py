"""What lies along a driver's path, and how far one must go aside to get round what stands in it.

Lengths are odometers of the driver, widths metres beside its path, positive to the right.
"""

from dataclasses import dataclass

import numpy as np

from sim.map.lane_search import LEVEL_M
from sim.traffic.leaders import Bodies
from sim.traffic.paths import Paths

LOOK_M = 110
"""How far ahead drivers look for a place to come back."""
BEHIND_M = 10
SLOW_MPS = 2.0
"""What goes along the road slower than this is in the way."""
_CORNERS = ((-1.0, -1.0), (-1.0, 1.0), (0.0, -1.0), (0.0, 1.0), (1.0, -1.0), (1.0, 1.0))


@dataclass(frozen=True)
class Survey:
    """Bodies near a path, by the place where they begin; (K,) each."""

    body: np.ndarray
    """Rows of `Bodies`."""
    begin_m: np.ndarray
    end_m: np.ndarray
    left_m: np.ndarray
    right_m: np.ndarray
    speed_mps: np.ndarray
    """Along the path, negative towards the driver."""


def survey(paths: Paths, row: int, own: int, bodies: Bodies) -> Survey:
    """All bodies within 8 m of a driver's path; `own` is the driver's body."""
    at, end = int(paths.at[row]), int(paths.end[row])
    first, last = max(at - BEHIND_M, 0), min(at + LOOK_M, end)
    x, y, z, yaw = (column[row, first:last] for column in (paths.x, paths.y, paths.z, paths.yaw))
    near = np.hypot(bodies.x - bodies.x[own], bodies.y - bodies.y[own]) < LOOK_M + 10.0
    near[own] = False
    rows = np.nonzero(near)[0]
    cos, sin = np.cos(bodies.yaw[rows]), np.sin(bodies.yaw[rows])
    corners = []
    for along, across in _CORNERS:
        ahead, right = along * bodies.half_length[rows], across * bodies.half_width[rows]
        corners.append((bodies.x[rows] + cos * ahead - sin * right, bodies.y[rows] + sin * ahead + cos * right))
    px, py = (np.array([corner[axis] for corner in corners]) for axis in (0, 1))
    dx, dy = px[..., None] - x, py[..., None] - y
    k = np.argmin(dx * dx + dy * dy, axis=2)
    dx, dy = (np.take_along_axis(d, k[..., None], 2)[..., 0] for d in (dx, dy))
    c, s = np.cos(yaw[k]), np.sin(yaw[k])
    along, aside = c * dx + s * dy, c * dy - s * dx
    place = paths.base_m[row] + first + k + along
    level = np.abs(z[k[0]] - bodies.z[rows]) < LEVEL_M
    beside = (np.abs(along) < 3.0).any(axis=0) & (np.abs(aside).min(axis=0) < 8.0) & level
    speed = c[2] * bodies.vx[rows] + s[2] * bodies.vy[rows]
    found = np.nonzero(beside)[0]
    found = found[np.argsort(place.min(axis=0)[found], kind="stable")]
    return Survey(
        rows[found],
        place.min(axis=0)[found],
        place.max(axis=0)[found],
        aside.min(axis=0)[found],
        aside.max(axis=0)[found],
        speed[found],
    )


@dataclass(frozen=True)
class Block:
    """What stands in a driver's strip with no room to come back in between; members are indices into the survey."""

    begin_m: float
    end_m: float
    left_m: float
    right_m: float
    members: tuple[int, ...]


def first_block(found: Survey, front_m: float, strip_m: tuple[float, float], room_m: float) -> Block | None:
    """The first thing in a strip beyond the front bumper, and all behind it that leaves less than room_m between."""
    begin = end = left = right = 0.0
    members: list[int] = []
    for k in range(len(found.body)):
        if found.end_m[k] < front_m or found.right_m[k] < strip_m[0] or found.left_m[k] > strip_m[1]:
            continue
        if found.speed_mps[k] > SLOW_MPS:
            continue
        if members and found.begin_m[k] > end + room_m:
            break
        if not members:
            begin, end, left, right = found.begin_m[k], found.end_m[k], found.left_m[k], found.right_m[k]
        end, left, right = max(end, found.end_m[k]), min(left, found.left_m[k]), max(right, found.right_m[k])
        members.append(k)
    if not members:
        return None
    return Block(float(begin), float(end), float(left), float(right), tuple(members))


def is_free(found: Survey, block: Block, begin_m: float, end_m: float, strip_m: tuple[float, float]) -> bool:
    """Whether nothing but the block reaches into a strip between two places, save who drives away."""
    for k in range(len(found.body)):
        if k in block.members or found.end_m[k] < begin_m or found.begin_m[k] > end_m:
            continue
        if found.right_m[k] < strip_m[0] or found.left_m[k] > strip_m[1]:
            continue
        if found.speed_mps[k] < SLOW_MPS or found.end_m[k] < begin_m + BEHIND_M:
            return False
    return True
