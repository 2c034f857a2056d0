"""Compiled loops of contacts: which pairs are near, and the impulses and pushes between those that meet."""

import math
from typing import Any

import numba
import numpy as np

from sim.kernels import compiled, part
from sim.scene.bodies import MOST_CORNERS
from sim.vehicles.fleet import ROWS
from sim.world.contacts.shapes import MOST_SHARED, meet, shared_middle
from sim.world.contacts.statics import STATIC_ROWS

RESTITUTION, FRICTION = 0.1, 0.4
BOUNCING_MPS = 1.0
"""What comes slower than this does not bounce, so that what leans against something comes to rest."""
CLOSING_MPS = 1e-6
"""What closes in slower than this rests."""
SLOP_M, KEPT_M = 0.005, 0.004
"""Overlap that is left alone, so that what rests against something does not tremble; what is left of a deeper one."""
MOST_PUSH_M = 0.1
"""How far what was put into something else is pushed out of it in a pass."""
BRAKING_MPS2 = 10.0
PASSES = 4

BODY = np.dtype(
    [
        *((name, np.float64) for name in ("x", "y", "yaw", "from_x", "from_y", "low", "high")),
        *((name, np.float64) for name in ("half_length", "half_width", "inverse_mass", "inverse_inertia")),
        *((name, np.float64) for name in ("vx", "vy", "turn")),
        ("meets_statics", np.bool_),
    ],
    align=True,
)
"""An upright box: its middle now and at the tick's beginning, what heights it spans, masses, velocity, yaw rate."""
BODY_ROWS = numba.from_dtype(BODY)[::1]
_NUMBERS, _COUNTS = numba.float64[::1], numba.int64[::1]
_TABLE, _FLAGS = numba.float64[:, ::1], numba.bool_[::1]
_NUMBER, _COUNT = numba.float64, numba.int64


@compiled(numba.void(ROWS, BODY_ROWS, _NUMBER))
def take_vehicles(vehicles: Any, bodies: Any, dt_s: float) -> None:
    """Fill the first rows of `bodies` with the vehicles; where they came from is estimated from their velocity."""
    for k in range(len(vehicles)):
        car, body = vehicles[k], bodies[k]
        c, s = math.cos(car.yaw), math.sin(car.yaw)
        body.x, body.y, body.yaw, body.low, body.high = car.x, car.y, car.yaw, car.z, car.z + car.height_m
        body.half_length, body.half_width = 0.5 * car.length_m, 0.5 * car.width_m
        body.inverse_mass = 1.0 / car.mass_kg if car.simulate_physics else 0.0
        body.inverse_inertia = 1.0 / car.yaw_inertia_kgm2 if car.simulate_physics else 0.0
        body.vx, body.vy = c * car.vx_body - s * car.vy_body, s * car.vx_body + c * car.vy_body
        body.turn, body.meets_statics = car.yaw_rate, car.simulate_physics
        body.from_x, body.from_y = car.x - body.vx * dt_s, car.y - body.vy * dt_s


@compiled(numba.void(ROWS, BODY_ROWS))
def give_vehicles(vehicles: Any, bodies: Any) -> None:
    """Put the vehicles where contacts have left them."""
    for k in range(len(vehicles)):
        car, body = vehicles[k], bodies[k]
        if car.simulate_physics:
            c, s = math.cos(car.yaw), math.sin(car.yaw)
            car.x, car.y, car.yaw_rate = body.x, body.y, body.turn
            car.vx_body, car.vy_body = c * body.vx + s * body.vy, c * body.vy - s * body.vx


@part
def _square(body: Any) -> tuple[float, float, float, float]:
    """The square around a body and its way in this tick: least x, y, greatest x, y."""
    reach = math.hypot(body.half_length, body.half_width) + 0.1
    return (
        min(body.x, body.from_x) - reach,
        min(body.y, body.from_y) - reach,
        max(body.x, body.from_x) + reach,
        max(body.y, body.from_y) + reach,
    )


@part
def _near_statics(
    body: Any,
    base: int,
    statics: Any,
    grid: np.ndarray,
    shape: np.ndarray,
    starts: np.ndarray,
    members: np.ndarray,
    keys: np.ndarray,
    count: int,
) -> int:
    """Note the statics in the grid's cells around a body, as `base` and their index; gives how many keys there are."""
    x0, y0, x1, y1 = _square(body)
    side = grid[2]
    column0, row0 = max(math.floor((x0 - grid[0]) / side), 0), max(math.floor((y0 - grid[1]) / side), 0)
    column1 = min(math.floor((x1 - grid[0]) / side), shape[0] - 1)
    row1 = min(math.floor((y1 - grid[1]) / side), shape[1] - 1)
    for column in range(column0, column1 + 1):
        for row in range(row0, row1 + 1):
            cell = column * shape[1] + row
            for place in range(starts[cell], starts[cell + 1]):
                other = statics[members[place]]
                if other.min_x > x1 or other.max_x < x0 or other.min_y > y1 or other.max_y < y0:
                    continue
                if other.low >= body.high or body.low >= other.high:
                    continue
                # A static in several of these cells counts in the first of them.
                if column != max(column0, math.floor((other.min_x - grid[0]) / side)):
                    continue
                if row != max(row0, math.floor((other.min_y - grid[1]) / side)):
                    continue
                if count < len(keys):
                    keys[count] = base + members[place]
                count += 1
    return count


@compiled(_COUNT(BODY_ROWS, _COUNT, STATIC_ROWS, _NUMBERS, _COUNTS, _COUNTS, _COUNTS, _COUNTS))
def near_pairs(
    bodies: Any,
    vehicles: int,
    statics: Any,
    grid: np.ndarray,
    shape: np.ndarray,
    starts: np.ndarray,
    members: np.ndarray,
    keys: np.ndarray,
) -> int:
    """Pairs that may meet, as i * (bodies + statics) + j in rising order; gives their number.

    i is a vehicle and j > i any other body, or i any body that meets statics and j the number of bodies and a static's
    index. When there are more pairs than `keys` has room for, only their number is right.
    """
    n, count = len(bodies), 0
    total, room = n + len(statics), len(keys)
    left = np.empty(n)
    for k in range(n):
        left[k] = _square(bodies[k])[0]
    order = np.argsort(left, kind="mergesort")
    for a in range(n):
        first = order[a]
        _, y0, x1, y1 = _square(bodies[first])
        for b in range(a + 1, n):
            second = order[b]
            if left[second] > x1:
                break
            i, j = min(first, second), max(first, second)
            if i >= vehicles or bodies[i].inverse_mass + bodies[j].inverse_mass == 0.0:
                continue
            _, z0, _, z1 = _square(bodies[second])
            if z0 > y1 or z1 < y0 or bodies[i].low >= bodies[j].high or bodies[j].low >= bodies[i].high:
                continue
            if count < room:
                keys[count] = i * total + j
            count += 1
    for i in range(n if len(statics) else 0):
        if bodies[i].meets_statics:
            count = _near_statics(bodies[i], i * total + n, statics, grid, shape, starts, members, keys, count)
    if count <= room:
        keys[:count] = np.sort(keys[:count])
    return count


@part
def _outline(body: Any, corners: np.ndarray, normals: np.ndarray) -> int:
    """Write the outline of a box; gives the number of its corners."""
    c, s = math.cos(body.yaw), math.sin(body.yaw)
    for k in range(4):
        along = -body.half_length if k in (0, 3) else body.half_length
        aside = -body.half_width if k < 2 else body.half_width
        corners[k, 0], corners[k, 1] = body.x + c * along - s * aside, body.y + s * along + c * aside
    normals[0, 0], normals[0, 1] = s, -c
    normals[1, 0], normals[1, 1] = c, s
    normals[2, 0], normals[2, 1] = -s, c
    normals[3, 0], normals[3, 1] = -c, -s
    return 4


@part
def _turning_m(body: Any, dt_s: float) -> float:
    """How far a box's corners have turned in a tick."""
    return abs(body.turn) * dt_s * math.hypot(body.half_length, body.half_width)


@part
def _give(body: Any, impulse_x: float, impulse_y: float, arm_x: float, arm_y: float) -> None:
    body.vx += impulse_x * body.inverse_mass
    body.vy += impulse_y * body.inverse_mass
    body.turn += (arm_x * impulse_y - arm_y * impulse_x) * body.inverse_inertia


@part
def _copy_outline(static: Any, corners: np.ndarray, normals: np.ndarray) -> int:
    """Write the outline of a static body; gives the number of its corners."""
    for k in range(static.count):
        corners[k, 0], corners[k, 1] = static.corners[k, 0], static.corners[k, 1]
        normals[k, 0], normals[k, 1] = static.normals[k, 0], static.normals[k, 1]
    return static.count


@part
def _push_apart(first: Any, second: Any, x: float, y: float, push_m: float) -> None:
    share = push_m / (first.inverse_mass + second.inverse_mass)
    first.x, first.y = first.x + share * first.inverse_mass * x, first.y + share * first.inverse_mass * y
    second.x, second.y = second.x - share * second.inverse_mass * x, second.y - share * second.inverse_mass * y


@part
def _exchange(first: Any, second: Any, x: float, y: float, point_x: float, point_y: float) -> tuple[float, float, bool]:
    """Change both velocities where they close in at a point; gives the impulse on the first and whether there is one.

    With restitution and Coulomb friction along the side that has the normal x, y.
    """
    arm_x, arm_y, their_x, their_y = point_x - first.x, point_y - first.y, point_x - second.x, point_y - second.y
    slip_x = first.vx - first.turn * arm_y - second.vx + second.turn * their_y
    slip_y = first.vy + first.turn * arm_x - second.vy - second.turn * their_x
    approach = x * slip_x + y * slip_y
    if approach > -CLOSING_MPS:
        return 0.0, 0.0, False
    mass, inertia, theirs = first.inverse_mass + second.inverse_mass, first.inverse_inertia, second.inverse_inertia
    # How easily the point moves along the normal and along the side, 1/kg.
    normal = mass + (arm_x * y - arm_y * x) ** 2 * inertia + (their_x * y - their_y * x) ** 2 * theirs
    side = mass + (arm_x * x + arm_y * y) ** 2 * inertia + (their_x * x + their_y * y) ** 2 * theirs
    push = -(1.0 + (RESTITUTION if approach < -BOUNCING_MPS else 0.0)) * approach / normal
    rub = min(max(-(x * slip_y - y * slip_x) / side, -FRICTION * push), FRICTION * push)
    impulse_x, impulse_y = push * x - rub * y, push * y + rub * x
    _give(first, impulse_x, impulse_y, arm_x, arm_y)
    _give(second, -impulse_x, -impulse_y, their_x, their_y)
    return impulse_x, impulse_y, True


@compiled(_COUNT(BODY_ROWS, STATIC_ROWS, _COUNTS, _NUMBER, _TABLE, _FLAGS))
def collide(bodies: Any, statics: Any, keys: np.ndarray, dt_s: float, found: np.ndarray, met: np.ndarray) -> int:
    """Push apart what meets among the pairs of `near_pairs` and exchange impulses; gives the number of pairs that met.

    `found` (P, 4) receives the impulse on the first of each pair and the contact's point, both x and y; `met` (P,)
    whether they met. A pair is looked at over its motion in the first pass, and as it stands in the others.
    """
    n = len(bodies)
    total = n + len(statics)
    a, a_normals = np.empty((MOST_CORNERS, 2)), np.empty((MOST_CORNERS, 2))
    b, b_normals = np.empty((MOST_CORNERS, 2)), np.empty((MOST_CORNERS, 2))
    one, other = np.empty((MOST_SHARED, 2)), np.empty((MOST_SHARED, 2))
    fixed = np.zeros(1, BODY)[0]
    inexact_m = 2.0 * SLOP_M + 0.5 * BRAKING_MPS2 * dt_s * dt_s  # where they come from is told by their last velocity
    pairs = 0
    for number in range(PASSES):
        again = False
        for p in range(len(keys)):
            i, j = keys[p] // total, keys[p] % total
            first = bodies[i]
            second = bodies[j] if j < n else fixed
            a_count = _outline(first, a, a_normals)
            b_count = _outline(second, b, b_normals) if j < n else _copy_outline(statics[j - n], b, b_normals)
            turned_m = _turning_m(first, dt_s) + _turning_m(second, dt_s)
            moved_x, moved_y, touching_m = 0.0, 0.0, 0.0
            if number == 0:
                moved_x = first.x - first.from_x - (second.x - second.from_x)
                moved_y = first.y - first.from_y - (second.y - second.from_y)
                touching_m = inexact_m + turned_m
            depth, x, y, is_swept = meet(a, a_normals, a_count, b, b_normals, b_count, moved_x, moved_y, touching_m)
            if depth <= 0.0:
                continue
            if depth > SLOP_M:
                push_m = depth - KEPT_M
                _push_apart(first, second, x, y, push_m if is_swept else min(push_m, MOST_PUSH_M + turned_m))
                _outline(first, a, a_normals)
                if j < n:
                    _outline(second, b, b_normals)
                again = True
            point_x, point_y, is_shared = shared_middle(a, a_count, b, b_normals, b_count, SLOP_M, one, other)
            if not is_shared:  # they touch in a point that rounding loses
                point_x, point_y = first.x, first.y
            impulse_x, impulse_y, closes = _exchange(first, second, x, y, point_x, point_y)
            if depth > SLOP_M or closes:
                pairs += not met[p]
                met[p] = True
                found[p, 0] += impulse_x
                found[p, 1] += impulse_y
                found[p, 2], found[p, 3] = point_x, point_y
        if not again:
            break
    return pairs
