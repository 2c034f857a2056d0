"""Collisions of vehicles, walkers and props with each other and with what stands in the town.

Everything is an upright prism over a convex outline (vehicles, walkers and props are boxes) between two heights. Pairs
that are near and overlap in height are found over sorted places and a grid of the static bodies; those that meet get
an impulse with friction at their contact's point and are pushed apart. What is fast is looked at over its whole motion
in the tick, so that nothing is jumped over. The loops are compiled (`sim.world.contacts`).
"""

from dataclasses import dataclass, replace

import numpy as np

from sim.scene.bodies import StaticBody
from sim.vehicles.fleet import Vehicles
from sim.world.contacts import kernels
from sim.world.contacts.statics import NO_STATICS, Statics

_BUMPER_M = 0.5
"""Height above the higher of two feet at which a contact is said to be, where they share so much height."""


@dataclass
class Obstacles:
    """Walkers and props, whatever is no vehicle and can be hit; arrays of (N,). `resolve` moves those of finite mass.

    `ids` are actor ids; `mass` is in kg, infinite for what is fixed; x, y is the box's centre, z the height of its
    foot in the world.
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
    z: np.ndarray
    height: np.ndarray
    meets_statics: np.ndarray
    """bool: whether it cannot pass what stands in the town; what rests need not be looked at."""

    @classmethod
    def none(cls) -> "Obstacles":
        """No obstacles."""
        return cls(np.zeros(0, np.int64), *(np.zeros(0) for _ in range(10)), meets_statics=np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Contact:
    """That two things touched. `impulse_world` (3,) in N s is what `a` got; `b` got its opposite."""

    a: int
    b: int
    """Actor id, 0 for scenery that is no actor."""
    impulse_world: np.ndarray
    point_world: np.ndarray
    """(3,) metres."""
    static: StaticBody | None = None
    """What `b` is of the town, if it is of the town: also the post of a traffic light that has an actor's id."""

    @property
    def pair(self) -> tuple[int, int, int]:
        """Who touched whom, as a key."""
        return self.a, self.b, 0 if self.static is None else id(self.static)


def resolve(vehicles: Vehicles, obstacles: Obstacles, dt_s: float, statics: Statics = NO_STATICS) -> list[Contact]:
    """Find what has met, exchange impulses, push apart. Changes `vehicles` and movable `obstacles` in place.

    Call it once after each `step_vehicles` of dt_s. Contacts are ordered by slot; each pair is reported once.
    """
    count = len(vehicles)
    if count + len(obstacles) == 0:
        return []
    bodies = _bodies(vehicles, obstacles, dt_s)
    keys = _near_pairs(bodies, count, statics)
    if not len(keys):
        return []
    found, met = np.zeros((len(keys), 4)), np.zeros(len(keys), bool)
    if not kernels.collide(bodies, statics.rows, keys, dt_s, found, met):
        return []
    kernels.give_vehicles(vehicles.rows, bodies)
    moved = bodies[count:]
    obstacles.x[:], obstacles.y[:], obstacles.vx[:], obstacles.vy[:] = (moved[k] for k in ("x", "y", "vx", "vy"))
    ids = np.concatenate([vehicles.ids, obstacles.ids]).tolist()
    first, second = np.divmod(keys[met], len(bodies) + len(statics.rows))
    pairs = zip(first.tolist(), second.tolist(), found[met], strict=True)
    return [_contact(i, j, row, ids, bodies, statics) for i, j, row in pairs]


def joined(before: list[Contact], after: list[Contact]) -> list[Contact]:
    """The contacts of two parts of one tick: who touches in both has touched once, with both impulses together."""
    found = {contact.pair: contact for contact in before}
    for contact in after:
        known = found.get(contact.pair)
        impulse = contact.impulse_world + (known.impulse_world if known else 0.0)
        found[contact.pair] = replace(contact, impulse_world=impulse)
    return list(found.values())


def _bodies(vehicles: Vehicles, obstacles: Obstacles, dt_s: float) -> np.ndarray:
    """Vehicles first, then obstacles, (N,) of `kernels.BODY`."""
    count, o = len(vehicles), obstacles
    bodies = np.zeros(count + len(o), kernels.BODY)
    kernels.take_vehicles(vehicles.rows, bodies, dt_s)
    if len(o):
        rest = bodies[count:]
        for name in ("x", "y", "yaw", "half_length", "half_width", "vx", "vy", "meets_statics"):
            rest[name] = getattr(o, name)
        rest["from_x"], rest["from_y"] = o.x - o.vx * dt_s, o.y - o.vy * dt_s
        rest["low"], rest["high"], rest["inverse_mass"] = o.z, o.z + o.height, 1.0 / o.mass
        rest["inverse_inertia"] = 3.0 / (o.mass * (o.half_length**2 + o.half_width**2))
    return bodies


def _near_pairs(bodies: np.ndarray, vehicles: int, statics: Statics) -> np.ndarray:
    """The keys of `kernels.near_pairs`."""
    room = 64
    while True:
        keys = np.empty(room, np.int64)
        index = (statics.rows, statics.grid, statics.shape, statics.starts, statics.members)
        count = kernels.near_pairs(bodies, vehicles, *index, keys)
        if count <= room:
            return keys[:count]
        room = count


def _contact(i: int, j: int, row: np.ndarray, ids: list[int], bodies: np.ndarray, statics: Statics) -> Contact:
    """The record of a pair that met; j counts on from the bodies into the statics."""
    static = j - len(bodies)
    other = bodies[j] if static < 0 else statics.rows[static]
    foot = max(bodies[i]["low"], other["low"])
    height = min(foot + _BUMPER_M, 0.5 * (foot + min(bodies[i]["high"], other["high"])))
    impulse, point = np.array([row[0], row[1], 0.0]), np.array([row[2], row[3], height])
    if static < 0:
        return Contact(ids[i], ids[j], impulse, point)
    return Contact(ids[i], statics.actor_ids[static], impulse, point, statics.bodies[static])
