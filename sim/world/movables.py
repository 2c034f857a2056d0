"""What is neither vehicle nor map: walkers that walk and props that slide when they are hit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from sim.scene.poses import ZERO
from sim.world.actors import Actor, Movable, Prop, Walker
from sim.world.collisions import Obstacles

GroundHeight = Callable[[float, float, float], float]
"""Height of the ground at x, y; where roads lie above each other, of the one nearest to a height z."""

WALKER_MASS_KG = 75.0
PROP_MASS_KG = 30.0
PROP_DRAG_MPS2 = 5.0
"""How fast a prop that was hit slides to a halt."""


def move(actors: Iterable[Actor], delta_s: float, ground_z: GroundHeight) -> None:
    """Walk and slide for one step."""
    for actor in actors:
        if isinstance(actor, Prop) and actor.velocity_mps != ZERO:
            _slide(actor, delta_s)
        elif isinstance(actor, Walker):
            _walk(actor, delta_s, ground_z)


def _walk(walker: Walker, delta_s: float, ground_z: GroundHeight) -> None:
    x, y, _ = walker.direction
    norm = math.hypot(x, y)
    if walker.is_dead or norm < 1e-6 or walker.speed_mps <= 0.0:
        walker.velocity_mps = ZERO
        return
    vx, vy = walker.speed_mps * x / norm, walker.speed_mps * y / norm
    walker.velocity_mps = (vx, vy, 0.0)
    pose = walker.pose
    x, y = pose.x + vx * delta_s, pose.y + vy * delta_s
    z = pose.z + ground_z(x, y, pose.z) - ground_z(pose.x, pose.y, pose.z)
    walker.pose = pose._replace(x=x, y=y, z=z, yaw=math.atan2(vy, vx))


def _slide(prop: Prop, delta_s: float) -> None:
    """Move a prop that was hit, against friction."""
    vx, vy, _ = prop.velocity_mps
    speed = math.hypot(vx, vy)
    left = max(0.0, speed - PROP_DRAG_MPS2 * delta_s) / speed if speed > 0.0 else 0.0
    prop.velocity_mps = (vx * left, vy * left, 0.0)
    prop.pose = prop.pose._replace(x=prop.pose.x + vx * left * delta_s, y=prop.pose.y + vy * left * delta_s)


def obstacles_of(actors: Sequence[Movable]) -> Obstacles:
    """Walkers and props as what vehicles can hit."""
    if not actors:
        return Obstacles.none()
    columns = np.array([_column(actor) for actor in actors]).T.copy()
    meets_statics = np.array([_meets_statics(actor) for actor in actors])
    return Obstacles(np.array([a.actor_id for a in actors], np.int64), *columns, meets_statics=meets_statics)


def _column(actor: Movable) -> tuple[float, ...]:
    """An actor's numbers in the order of `Obstacles`."""
    pose, extent, velocity = actor.pose, actor.extent_m, actor.velocity_mps
    mass = WALKER_MASS_KG if isinstance(actor, Walker) else PROP_MASS_KG
    box = (pose.x, pose.y, pose.yaw, extent[0], extent[1])
    return (*box, mass, velocity[0], velocity[1], pose.z + actor.box_offset_m[2] - extent[2], 2.0 * extent[2])


def _meets_statics(actor: Movable) -> bool:
    """Whether it moves into things by itself: what rests stays, and who is led goes where the client says."""
    is_led = isinstance(actor, Walker) and actor.is_led
    return not is_led and (actor.velocity_mps[0] != 0.0 or actor.velocity_mps[1] != 0.0)


def take_over(actors: Sequence[Movable], obstacles: Obstacles) -> None:
    """Put walkers and props where collisions have pushed them."""
    columns = (obstacles.x, obstacles.y, obstacles.vx, obstacles.vy)
    for actor, x, y, vx, vy in zip(actors, *(column.tolist() for column in columns), strict=True):
        actor.pose = actor.pose._replace(x=x, y=y)
        actor.velocity_mps = (vx, vy, 0.0)
