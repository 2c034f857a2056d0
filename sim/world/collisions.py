"""Collisions of vehicles with each other, walkers, props and buildings: oriented boxes and impulses in the plane.

Overlap is found by the separating axis theorem on all near pairs at once; the few pairs that touch get an impulse with
friction at the contact point and are pushed apart, so that bodies do not pass through each other.
"""

from dataclasses import dataclass

import numpy as np

from sim.vehicles.fleet import Vehicles

RESTITUTION = 0.1
FRICTION = 0.4
#: Overlap that is left alone, so that cars at rest against each other do not tremble.
SLOP_M = 0.005
_PASSES = 4
#: Boxes whose reference heights differ by more than this are on different levels (a bridge).
_LEVEL_M = 2.5


@dataclass
class Obstacles:
    """Everything that is no vehicle and can be hit; arrays of (N,). `resolve` moves those of finite mass.

    `ids` are actor ids, 0 for static scenery; `mass` is in kg, infinite for what is fixed; x, y is the box's centre.
    """

    ids: np.ndarray
    x: np.ndarray
    y: np.ndarray
    yaw: np.ndarray
    half_length: np.ndarray
    half_width: np.ndarray
    mass: np.ndarray
    vx: np.ndarray
    vy: np.ndarray
    z: np.ndarray | None = None
    """Height of the ground under them; None: everything is on one level."""

    @classmethod
    def none(cls) -> "Obstacles":
        """No obstacles."""
        return cls(np.zeros(0, np.int64), *(np.zeros(0) for _ in range(8)))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Contact:
    """That two things touched. `impulse_world` (3,) in N s is what `a` got; `b` got its opposite."""

    a: int
    b: int
    """Actor id, 0 for static scenery."""
    impulse_world: np.ndarray
    point_world: np.ndarray
    """(3,) metres."""


@dataclass
class _Bodies:
    """Vehicles first, then obstacles; (N,) each, velocities at the centre of the box."""

    ids: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    yaw: np.ndarray
    half_length: np.ndarray
    half_width: np.ndarray
    inverse_mass: np.ndarray
    inverse_inertia: np.ndarray
    vx: np.ndarray
    vy: np.ndarray
    turn: np.ndarray
    """Yaw rate in rad/s."""


def resolve(vehicles: Vehicles, obstacles: Obstacles, dt_s: float) -> list[Contact]:
    """Find what overlaps, exchange impulses, push apart. Changes `vehicles` and movable `obstacles` in place.

    Call it once after each `step_vehicles`. Contacts are ordered by slot; each pair of actors is reported once.
    """
    if len(vehicles) == 0:
        return []
    bodies = _bodies(vehicles, obstacles)
    pairs = _near_pairs(bodies, len(vehicles), dt_s)
    _rewind_fast(bodies, pairs, dt_s)
    totals: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    touched = False
    for _ in range(_PASSES):
        hits = _overlaps(bodies, pairs)
        if not hits:
            break
        touched = True
        for i, j, normal, depth in hits:
            point = _contact_point(bodies, i, j)
            impulse = _exchange(bodies, i, j, normal, point)
            _push_apart(bodies, i, j, normal, depth)
            total, _ = totals.get((i, j), (np.zeros(2), point))
            totals[i, j] = (total + impulse, point)
    if touched:
        _write_back(bodies, vehicles, obstacles)
    return [
        Contact(
            int(bodies.ids[i]),
            int(bodies.ids[j]),
            np.array([*impulse, 0.0]),
            np.array([*point, bodies.z[i] + 0.5]),
        )
        for (i, j), (impulse, point) in sorted(totals.items())
    ]


def _bodies(vehicles: Vehicles, obstacles: Obstacles) -> _Bodies:
    p, free = vehicles.p, vehicles.simulate_physics
    n = len(obstacles)
    velocity = vehicles.world_velocity()
    inertia = obstacles.mass * (obstacles.half_length**2 + obstacles.half_width**2) / 3.0
    return _Bodies(
        ids=np.concatenate([vehicles.ids, obstacles.ids]),
        x=np.concatenate([vehicles.x, obstacles.x]),
        y=np.concatenate([vehicles.y, obstacles.y]),
        z=np.concatenate([vehicles.z, np.zeros(n) if obstacles.z is None else obstacles.z]),
        yaw=np.concatenate([vehicles.yaw, obstacles.yaw]),
        half_length=np.concatenate([0.5 * p["length_m"], obstacles.half_length]),
        half_width=np.concatenate([0.5 * p["width_m"], obstacles.half_width]),
        inverse_mass=np.concatenate([np.where(free, 1.0 / p["mass_kg"], 0.0), 1.0 / obstacles.mass]),
        inverse_inertia=np.concatenate([np.where(free, 1.0 / p["yaw_inertia_kgm2"], 0.0), 1.0 / inertia]),
        vx=np.concatenate([velocity[:, 0], obstacles.vx]),
        vy=np.concatenate([velocity[:, 1], obstacles.vy]),
        turn=np.concatenate([vehicles.yaw_rate, np.zeros(n)]),
    )


def _near_pairs(bodies: _Bodies, vehicle_count: int, dt_s: float) -> np.ndarray:
    """Pairs (i, j) with i a vehicle and j > i whose enclosing circles (nearly) touch, (P, 2)."""
    v = slice(0, vehicle_count)
    radius = np.hypot(bodies.half_length, bodies.half_width) + 0.1 + np.hypot(bodies.vx, bodies.vy) * dt_s
    dx, dy = bodies.x[v, None] - bodies.x, bodies.y[v, None] - bodies.y
    near = dx * dx + dy * dy < (radius[v, None] + radius) ** 2
    i, j = np.nonzero(near)
    level = np.abs(bodies.z[i] - bodies.z[j]) < _LEVEL_M
    if np.all(bodies.z[vehicle_count:] == 0.0):
        level |= j >= vehicle_count
    movable = bodies.inverse_mass[i] + bodies.inverse_mass[j] > 0.0
    keep = (j > i) & level & movable
    return np.column_stack([i[keep], j[keep]])


def _overlaps(bodies: _Bodies, pairs: np.ndarray) -> list[tuple[int, int, np.ndarray, float]]:
    """Pairs that overlap: (i, j, unit normal from j to i, depth in m), by the separating axis theorem."""
    if len(pairs) == 0:
        return []
    i, j = pairs[:, 0], pairs[:, 1]
    normal, least = _least_overlap(bodies, i, j, 0.0)
    return [(int(i[k]), int(j[k]), normal[k], float(least[k])) for k in np.nonzero(least > SLOP_M)[0]]


def _rewind_fast(bodies: _Bodies, pairs: np.ndarray, dt_s: float) -> None:
    """Move pairs that would have jumped through each other in this tick back to where they first touched."""
    if len(pairs) == 0:
        return
    i, j = pairs[:, 0], pairs[:, 1]
    jump = np.hypot(bodies.vx[i] - bodies.vx[j], bodies.vy[i] - bodies.vy[j]) * dt_s
    fast = jump > np.minimum(bodies.half_width[i], np.minimum(bodies.half_width[j], bodies.half_length[j]))
    if not fast.any():
        return
    i, j = i[fast], j[fast]
    apart_now = _least_overlap(bodies, i, j, 0.0)[1] <= 0.0
    back_s = np.zeros(len(i))
    for ago_s in np.linspace(0.0, dt_s, 9)[1:-1]:
        overlap = _least_overlap(bodies, i, j, float(ago_s))[1] > SLOP_M
        back_s = np.where(overlap & apart_now, ago_s, back_s)
    for k in np.nonzero(back_s)[0]:
        for body in (i[k], j[k]):
            if bodies.inverse_mass[body] > 0.0:
                bodies.x[body] -= bodies.vx[body] * back_s[k]
                bodies.y[body] -= bodies.vy[body] * back_s[k]


def _least_overlap(bodies: _Bodies, i: np.ndarray, j: np.ndarray, ago_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Axis of least overlap, from j to i, (P, 2), and that overlap (negative: the gap), (P,), a moment ago."""
    dx = bodies.x[i] - bodies.x[j] - ago_s * (bodies.vx[i] - bodies.vx[j])
    dy = bodies.y[i] - bodies.y[j] - ago_s * (bodies.vy[i] - bodies.vy[j])
    d = np.column_stack([dx, dy])
    axes_i, axes_j = _axes(bodies.yaw[i]), _axes(bodies.yaw[j])
    axes = np.concatenate([axes_i, axes_j], axis=1)  # (P, 4, 2)
    reach = np.zeros(axes.shape[:2])
    for k, own in ((i, axes_i), (j, axes_j)):
        along = np.abs(np.einsum("pad,pbd->pab", axes, own))  # (P, 4, 2)
        reach += along[:, :, 0] * bodies.half_length[k, None] + along[:, :, 1] * bodies.half_width[k, None]
    offset = np.einsum("pad,pd->pa", axes, d)
    depth = reach - np.abs(offset)
    best = np.argmin(depth, axis=1)
    rows = np.arange(len(i))
    least = depth[rows, best]
    normal = axes[rows, best] * np.where(offset[rows, best] < 0.0, -1.0, 1.0)[:, None]
    return normal, least


def _axes(yaw: np.ndarray) -> np.ndarray:
    """Unit vectors along and across, (P, 2, 2)."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.stack([np.column_stack([c, s]), np.column_stack([-s, c])], axis=1)


def _corners(bodies: _Bodies, k: int) -> np.ndarray:
    along, across = _axes(bodies.yaw[k : k + 1])[0]
    centre = np.array([bodies.x[k], bodies.y[k]])
    a, b = along * bodies.half_length[k], across * bodies.half_width[k]
    return np.array([centre + a + b, centre + a - b, centre - a - b, centre - a + b])


def _contact_point(bodies: _Bodies, i: int, j: int) -> np.ndarray:
    """The middle of the area in which both boxes lie, (2,): the clipped polygon's mean corner."""
    polygon = _corners(bodies, i)
    along, across = _axes(bodies.yaw[j : j + 1])[0]
    centre = np.array([bodies.x[j], bodies.y[j]])
    for axis, half in ((along, bodies.half_length[j]), (across, bodies.half_width[j])):
        for sign in (1.0, -1.0):
            polygon = _clip(polygon, sign * axis, float(sign * axis @ centre + half))
            if len(polygon) == 0:  # they touch in a point that rounding loses
                return 0.5 * (centre + np.array([bodies.x[i], bodies.y[i]]))
    return polygon.mean(axis=0)


def _clip(polygon: np.ndarray, axis: np.ndarray, limit: float) -> np.ndarray:
    """The part of a convex polygon (K, 2) with axis . p <= limit (Sutherland and Hodgman)."""
    if len(polygon) == 0:
        return polygon
    beyond = polygon @ axis - limit
    kept = []
    for k in range(len(polygon)):
        a, b = beyond[k - 1], beyond[k]
        if (a > 0.0) != (b > 0.0):
            kept.append(polygon[k - 1] + (polygon[k] - polygon[k - 1]) * (a / (a - b)))
        if b <= 0.0:
            kept.append(polygon[k])
    return np.array(kept).reshape(-1, 2)


def _exchange(bodies: _Bodies, i: int, j: int, normal: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Change both velocities by an impulse with restitution and Coulomb friction; gives what i got, (2,) N s."""
    arm_i = point - [bodies.x[i], bodies.y[i]]
    arm_j = point - [bodies.x[j], bodies.y[j]]
    vi = np.array([bodies.vx[i] - bodies.turn[i] * arm_i[1], bodies.vy[i] + bodies.turn[i] * arm_i[0]])
    vj = np.array([bodies.vx[j] - bodies.turn[j] * arm_j[1], bodies.vy[j] + bodies.turn[j] * arm_j[0]])
    approach = float(normal @ (vi - vj))
    if approach >= 0.0:
        return np.zeros(2)
    tangent = np.array([-normal[1], normal[0]])
    push = -(1.0 + RESTITUTION) * approach / _inverse_mass_at(bodies, i, j, arm_i, arm_j, normal)
    rub = -float(tangent @ (vi - vj)) / _inverse_mass_at(bodies, i, j, arm_i, arm_j, tangent)
    impulse = push * normal + float(np.clip(rub, -FRICTION * push, FRICTION * push)) * tangent
    for k, arm, sign in ((i, arm_i, 1.0), (j, arm_j, -1.0)):
        bodies.vx[k] += sign * impulse[0] * bodies.inverse_mass[k]
        bodies.vy[k] += sign * impulse[1] * bodies.inverse_mass[k]
        bodies.turn[k] += sign * (arm[0] * impulse[1] - arm[1] * impulse[0]) * bodies.inverse_inertia[k]
    return impulse


def _inverse_mass_at(bodies: _Bodies, i: int, j: int, arm_i: np.ndarray, arm_j: np.ndarray, axis: np.ndarray) -> float:
    """How easily the contact point moves along an axis, 1/kg."""
    turn_i = (arm_i[0] * axis[1] - arm_i[1] * axis[0]) ** 2 * bodies.inverse_inertia[i]
    turn_j = (arm_j[0] * axis[1] - arm_j[1] * axis[0]) ** 2 * bodies.inverse_inertia[j]
    return float(bodies.inverse_mass[i] + bodies.inverse_mass[j] + turn_i + turn_j)


def _push_apart(bodies: _Bodies, i: int, j: int, normal: np.ndarray, depth: float) -> None:
    total = bodies.inverse_mass[i] + bodies.inverse_mass[j]
    for k, sign in ((i, 1.0), (j, -1.0)):
        share = sign * depth * bodies.inverse_mass[k] / total
        bodies.x[k] += share * normal[0]
        bodies.y[k] += share * normal[1]


def _write_back(bodies: _Bodies, vehicles: Vehicles, obstacles: Obstacles) -> None:
    n = len(vehicles)
    c, s = np.cos(vehicles.yaw), np.sin(vehicles.yaw)
    free = vehicles.simulate_physics
    vx, vy = bodies.vx[:n], bodies.vy[:n]
    vehicles.x[:], vehicles.y[:] = bodies.x[:n], bodies.y[:n]
    vehicles.vx_body[:] = np.where(free, c * vx + s * vy, vehicles.vx_body)
    vehicles.vy_body[:] = np.where(free, c * vy - s * vx, vehicles.vy_body)
    vehicles.yaw_rate[:] = np.where(free, bodies.turn[:n], vehicles.yaw_rate)
    obstacles.x[:], obstacles.y[:] = bodies.x[n:], bodies.y[n:]
    obstacles.vx[:], obstacles.vy[:] = bodies.vx[n:], bodies.vy[n:]
