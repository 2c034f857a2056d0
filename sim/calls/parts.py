"""The RPC calls about what actors are made of: walkers' bones, vehicles' wheels, and their lamps as components.

Names are CARLA's where it has them. A vehicle's bones are its base and four wheels, a walker's the skeleton of
`sim.render.models.skeleton`; as in CARLA, every bone is a socket too. Other actors have their root only.
"""

from __future__ import annotations

import math
from typing import Any

from sim.calls.table import Context, call
from sim.protocol.forms import transform_on_wire
from sim.protocol.rpc import ReplyShape, RpcError
from sim.render.models.skeleton import Bone, in_parent, skeleton
from sim.scene.poses import Pose, compose
from sim.sensors.cameras import drawn_actor
from sim.world.actors import Actor, Vehicle, Walker

_WHEELS = ("Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right")
_VEHICLE_ROOT, _VEHICLE_BASE = "VehicleMesh", "Vehicle_Base"
_WALKER_ROOT = "CharacterMesh0"
_LAMPS = {
    "front-blinker-l-1": (0.90, -0.86, 0.40),
    "front-blinker-r-1": (0.90, 0.86, 0.40),
    "back-blinker-l-1": (-0.98, -0.87, 0.46),
    "back-blinker-r-1": (-0.98, 0.87, 0.46),
}
"""Where a car's indicators are, in shares of half its length and width and of its height; of every vehicle alike."""


# Bones and sockets


def _bones(context: Context, actor_id: int) -> list[Bone]:
    """In the frame of the actor's mesh: a vehicle's own, a walker's at its feet. Empty for other actors."""
    actor = context.world.actor(actor_id)
    if isinstance(actor, Walker):
        return skeleton(drawn_actor(context.world, actor))
    return _wheels(context, actor) if isinstance(actor, Vehicle) else []


def _wheels(context: Context, actor: Vehicle) -> list[Bone]:
    spec, v, slot = actor.spec, context.world.vehicles, context.world.vehicles.slot(actor.actor_id)
    ahead, aside, radius = 0.5 * spec.wheelbase_m, 0.5 * spec.track_m, spec.wheel_radius_m
    places = ((ahead, -aside), (ahead, aside), (-ahead, -aside), (-ahead, aside))
    bones = [Bone(_VEHICLE_BASE, "", Pose())]
    for wheel, (x, y) in enumerate(places):
        by_hand = actor.wheel_angles_deg.get(wheel)
        steered = float(v.steer_angle_rad[slot]) if wheel < len(places) // 2 else 0.0
        yaw = steered if by_hand is None else math.radians(by_hand)
        rolled = math.remainder(float(v.wheel_turn_rad[slot, wheel]), math.tau)
        bones.append(Bone(_WHEELS[wheel], _VEHICLE_BASE, Pose(x, y, radius, pitch=-rolled, yaw=yaw)))
    return bones


def _mesh(actor: Actor) -> Pose:
    """Where the frame of an actor's mesh is in the world."""
    return actor.pose._replace(z=actor.pose.z - actor.extent_m[2]) if isinstance(actor, Walker) else actor.pose


@call("get_actor_bone_names")
@call("get_actor_socket_names")
def bone_names(context: Context, actor_id: int) -> list[str]:
    """Names of an actor's bones, the root first."""
    return [bone.name for bone in _bones(context, actor_id)]


@call("get_actor_bone_world_transforms")
@call("get_actor_socket_world_transforms")
def bone_world_transforms(context: Context, actor_id: int) -> list[Any]:
    """Where the bones are in the world."""
    mesh = _mesh(context.world.actor(actor_id))
    return [transform_on_wire(compose(mesh, bone.pose)) for bone in _bones(context, actor_id)]


@call("get_actor_bone_relative_transforms")
@call("get_actor_socket_relative_transforms")
def bone_relative_transforms(context: Context, actor_id: int) -> list[Any]:
    """Where the bones are in the frame of the actor's mesh."""
    return [transform_on_wire(bone.pose) for bone in _bones(context, actor_id)]


@call("get_vehicle_bone_world_transforms")
def wheel_world_transforms(context: Context, actor_id: int) -> list[Any]:
    """Where the wheels of a vehicle are in the world."""
    pose = context.world.vehicle(actor_id).pose
    return [transform_on_wire(compose(pose, bone.pose)) for bone in _bones(context, actor_id)[1:]]


@call("get_bones_transform")
def walker_bones(context: Context, actor_id: int) -> list[Any]:
    """`carla.WalkerBoneControlOut`: name, then the pose in the world, in the mesh and in the parent bone, of each."""
    mesh = _mesh(context.world.walker(actor_id))
    bones = {bone.name: bone for bone in _bones(context, actor_id)}
    return [
        [
            [bone.name, *map(transform_on_wire, (compose(mesh, bone.pose), bone.pose, in_parent(bone, bones)))]
            for bone in bones.values()
        ]
    ]


# Poses that clients set


@call("set_bones_transform", ReplyShape.VOID)
def set_bones(context: Context, actor_id: int, _bones: Any) -> None:
    """Refused."""
    context.world.walker(actor_id)
    raise RpcError("walkers' bones are moved by the way they walk only")


@call("blend_pose", ReplyShape.VOID)
def blend_pose(context: Context, actor_id: int, blend: float) -> None:
    """Refused but for 0, which shows the walk and nothing else."""
    context.world.walker(actor_id)
    if blend != 0.0:
        raise RpcError("walkers' bones are moved by the way they walk only")


@call("get_pose_from_animation", ReplyShape.VOID)
def take_animated_pose(context: Context, actor_id: int) -> None:
    """Nothing: there is no other pose that it could be kept in."""
    context.world.walker(actor_id)


# Components


def _components(actor: Actor) -> dict[str, Pose]:
    """Poses in the actor's own frame, by name, the root first."""
    if isinstance(actor, Walker):
        return {_WALKER_ROOT: Pose(z=-actor.extent_m[2])}
    if not isinstance(actor, Vehicle):
        return {"DefaultSceneRoot": Pose()}
    x, y, z = actor.extent_m
    lamps = {name: Pose(x * a, y * b, 2.0 * z * c) for name, (a, b, c) in _LAMPS.items()}
    return {_VEHICLE_ROOT: Pose()} | lamps


@call("get_actor_component_names")
def component_names(context: Context, actor_id: int) -> list[str]:
    """Names of an actor's components."""
    return list(_components(context.world.actor(actor_id)))


@call("get_actor_component_relative_transform")
def component_relative_transform(context: Context, actor_id: int, name: str) -> list[Any]:
    """Where a component is in its actor's frame; RpcError when there is none of that name."""
    return transform_on_wire(_component(context.world.actor(actor_id), name))


@call("get_actor_component_world_transform")
def component_world_transform(context: Context, actor_id: int, name: str) -> list[Any]:
    """Where a component is in the world; RpcError when there is none of that name."""
    actor = context.world.actor(actor_id)
    return transform_on_wire(compose(actor.pose, _component(actor, name)))


def _component(actor: Actor, name: str) -> Pose:
    pose = _components(actor).get(name)
    if pose is None:
        known = ", ".join(_components(actor))
        raise RpcError(f"Component Not Found! Component Name: {name}; {actor.type_id} has {known}")
    return pose
