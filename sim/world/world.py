"""The world: every actor, and what one step of time does to all of them.

It composes vehicle motion, traffic lights and collisions; what drives background vehicles is passed in. It knows
nothing of sockets, sensors' data or drawing. Everything in it is a function of the map, the seed and the calls made:
the same ones give the same world, bit for bit.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, TypeVar

import carla
import numpy as np

from sim.map.network import RoadNetwork
from sim.map.surfaces import Surfaces
from sim.scene.labels import Tag
from sim.scene.poses import Pose, Vector, compose, rotate
from sim.scene.records import StreetLamp
from sim.vehicles.ackermann import Ackermann
from sim.vehicles.fleet import Vehicles
from sim.vehicles.step import flat_ground, show_velocities, step_vehicles
from sim.world import movables
from sim.world.actors import Actor, Movable, Prop, Sensor, TrafficLight, TrafficSign, Vehicle, Walker
from sim.world.attributes import attribute_values, checked_description
from sim.world.blueprint_types import STREAMING_KINDS, Blueprint, Kind
from sim.world.blueprints import BLUEPRINTS, LARGEST_REACH_M, MISSING_SENSORS
from sim.world.collisions import Contact, Obstacles, joined, resolve
from sim.world.contacts.town import town_statics
from sim.world.controls import OneTickControls
from sim.world.debug_shapes import DebugShapes
from sim.world.errors import WorldError
from sim.world.friction import FrictionTriggers
from sim.world.signs import Sign, light_pose, read_signs, trigger_volume
from sim.world.spawn_points import SOLID_KINDS, is_free, spawn_places, spawn_pose

TOMBSTONES = 10_000
FIRST_STREAM_ID = 2
SET_DOWN_M = 3.0
"""A prop spawned up to this much above the ground is set down on it; a higher one stays up there, as CARLA's do.

Walkers and props this much below stay below: ScenarioRunner keeps those there that it needs later.
"""
LONGEST_PART_S = 0.1
"""Physics and drivers are unsound with longer steps."""
_OF_THE_MAP = (Kind.TRAFFIC_LIGHT, Kind.TRAFFIC_SIGN, Kind.SPECTATOR)
_RECORDS: dict[Kind, type[Actor]] = {
    Kind.VEHICLE: Vehicle,
    Kind.WALKER: Walker,
    Kind.PROP: Prop,
    Kind.CAMERA: Sensor,
    Kind.COLLISION_SENSOR: Sensor,
    Kind.MEASURING_SENSOR: Sensor,
    Kind.V2X_SENSOR: Sensor,
    Kind.CLIENT_SENSOR: Sensor,
}
"""The record of what is spawned, by its blueprint's kind; a plain `Actor` for the rest."""
_FLAT_M = 0.01

A = TypeVar("A", bound=Actor)


class Drivers(Protocol):
    """What drives background vehicles (`sim.traffic.traffic.Traffic`)."""

    def step(self, vehicles: Vehicles, obstacles: Obstacles, dt_s: float) -> None:
        """Write the controls of the vehicles that are driven, for the next dt_s seconds."""
        ...

    def unregister(self, actor_id: int) -> None:
        """Drive a vehicle no longer; nothing happens when it is not driven."""
        ...

    @property
    def registered(self) -> list[int]:
        """Actor ids of the vehicles that are driven."""
        ...


class World:
    """One episode: a map, its lights, and the actors spawned into it."""

    def __init__(
        self,
        network: RoadNetwork,
        seed: int,
        drivers: Drivers | None = None,
        frame: int = 0,
        next_actor_id: int = 1,
        next_stream_id: int = FIRST_STREAM_ID,
    ) -> None:
        """`drivers` None: no vehicle is driven by the world. The counters continue those of a former episode."""
        self.name = network.name
        self.opendrive = network.opendrive
        self.seed = seed
        self.carla_map = network.carla_map
        self.lanes = network.lanes
        self.signals = network.signals
        self._drivers = drivers
        self.street_lamps: dict[int, StreetLamp] = {}
        """The ones that clients changed, by their place in the town's list."""
        self.debug_shapes = DebugShapes()
        self.friction_triggers = FrictionTriggers()
        self.vehicles = Vehicles()
        self.surfaces = Surfaces(self.carla_map, self.lanes)
        self.frame = frame
        self.time_s = 0.0
        self.delta_s = 0.05
        self.actors: dict[int, Actor] = {}
        self.tombstones: dict[int, Actor] = {}
        self.contacts: list[Contact] = []
        self.constant_velocities: dict[int, Vector] = {}
        """Of vehicles that a client holds at one, by id, in the vehicle's own frame."""
        self.ackermann: dict[int, Ackermann] = {}
        """Controllers at work, by vehicle: one is there from its first target until the vehicle gets other orders."""
        self.one_tick_controls = OneTickControls()
        self.lights_changed = False
        self.next_actor_id = next_actor_id
        self.next_stream_id = next_stream_id
        waypoints = spawn_places(self.carla_map)
        self.spawn_points = [spawn_pose(w.transform) for w in waypoints]
        self._is_flat = all(abs(w.transform.location.z) < _FLAT_M for w in waypoints)
        self.light_ids = [self._add_light(index) for index in range(len(self.signals.lights))]
        self.spectator = self._add(Actor(**self._of_map(Kind.SPECTATOR, "spectator", Pose(z=20.0, pitch=-math.pi / 2))))
        signal_actors = dict(zip((light.opendrive_id for light in self.signals.lights), self.light_ids, strict=True))
        signal_actors |= {sign.sign_id: self._add_sign(sign) for sign in read_signs(self.carla_map)}
        self.statics = town_statics(self.opendrive, self.signals.lights, signal_actors)

    def actor(self, actor_id: int) -> Actor:
        """A living actor; WorldError when there is none of that id."""
        found = self.actors.get(actor_id)
        if found is None:
            raise WorldError(f"actor {actor_id} not found: it was never spawned, or has been destroyed")
        return found

    def is_untouched(self) -> bool:
        """Whether nothing solid has been spawned into this episode, or nothing is left of it."""
        return not any(a.kind in SOLID_KINDS for a in self.actors.values())

    def vehicle(self, actor_id: int) -> Vehicle:
        """A living vehicle; WorldError when it is something else."""
        return self._of_kind(actor_id, Vehicle, "a vehicle")

    def walker(self, actor_id: int) -> Walker:
        """A living walker; WorldError when it is something else."""
        return self._of_kind(actor_id, Walker, "a walker")

    def light(self, actor_id: int) -> TrafficLight:
        """A traffic light; WorldError when it is something else."""
        return self._of_kind(actor_id, TrafficLight, "a traffic light")

    def _of_kind(self, actor_id: int, kind: type[A], words: str) -> A:
        actor = self.actor(actor_id)
        if not isinstance(actor, kind):
            raise WorldError(f"actor {actor_id} ({actor.type_id}) is not {words}")
        return actor

    # Spawning and destroying

    def spawn(self, description: list[Any], pose: Pose, parent_id: int = 0, anywhere: bool = False) -> Actor:
        """Spawn an actor; with a parent, `pose` is in the parent's frame and the actor follows it rigidly.

        With `anywhere` a solid actor is put exactly at its pose, whatever the ground or another actor there.

        WorldError when the blueprint is unknown, the parent is gone, or a solid actor would overlap another.
        """
        blueprint = BLUEPRINTS.get(str(description[1]))
        if blueprint is None:
            raise WorldError(f"Spawn failed: there is no blueprint '{description[1]}' in this server's library")
        description = checked_description(blueprint, description)
        if blueprint.type_id in MISSING_SENSORS:
            raise WorldError(f"Spawn failed: this simulator has no {blueprint.type_id}")
        parent = self.actor(parent_id) if parent_id else None
        if parent is not None:
            if blueprint.kind is Kind.VEHICLE:
                raise WorldError("Spawn failed: vehicles cannot be attached to other actors here")
            actor = self._add_blueprint(blueprint, description, compose(parent.pose, pose))
            actor.parent_id, actor.pose_in_parent = parent_id, pose
            return actor
        if blueprint.kind in SOLID_KINDS and not anywhere:
            pose = self._on_the_ground(pose, blueprint)
            if not is_free(pose, blueprint, self._solid_near(pose), self.statics):
                raise WorldError("Spawn failed because of collision at spawn position")
        actor = self._add_blueprint(blueprint, description, pose)
        if blueprint.spec is not None:
            self.vehicles.add(actor.actor_id, blueprint.spec, pose.x, pose.y, pose.z, pose.yaw)
            if actor.attributes["sticky_control"] == "false":
                self.one_tick_controls.add(actor.actor_id)
        if isinstance(actor, Vehicle):
            actor.table = self.vehicles
        return actor

    def _solid_near(self, pose: Pose) -> list[Actor]:
        """The solid actors that could touch something at a pose; who is further off is not looked at one by one."""
        v = self.vehicles
        near = v.ids[np.hypot(v.x - pose.x, v.y - pose.y) <= 2.0 * LARGEST_REACH_M]
        others = (a for a in self.actors.values() if a.kind in SOLID_KINDS and a.kind is not Kind.VEHICLE)
        return [*(self.actors[i] for i in near.tolist()), *others]

    def destroy(self, actor_id: int) -> Actor:
        """Remove an actor; what was attached to it stays where it is."""
        actor = self.actor(actor_id)
        if actor.kind in _OF_THE_MAP:
            raise WorldError(f"actor {actor_id} ({actor.type_id}) belongs to the map and cannot be destroyed")
        del self.actors[actor_id]
        self.tombstones[actor_id] = actor
        if len(self.tombstones) > TOMBSTONES:
            del self.tombstones[next(iter(self.tombstones))]
        if isinstance(actor, Vehicle):
            self.stop_driving(actor_id)
            actor.leave_table()
            self.vehicles.remove(actor_id)
            self.constant_velocities.pop(actor_id, None)
            self.ackermann.pop(actor_id, None)
            self.one_tick_controls.remove(actor_id)
        for other in self.actors.values():
            if other.parent_id == actor_id:
                other.parent_id, other.pose_in_parent = 0, None
        return actor

    def stop_driving(self, actor_id: int) -> None:
        """Leave a vehicle to its other controls: what drives background vehicles drives it no longer."""
        if self._drivers is not None:
            self._drivers.unregister(actor_id)

    def _add_blueprint(self, blueprint: Blueprint, description: list[Any], pose: Pose) -> Actor:
        attributes = attribute_values(blueprint, description)
        more: dict[str, Any] = {} if blueprint.spec is None else {"spec": blueprint.spec}
        actor = _RECORDS.get(blueprint.kind, Actor)(
            actor_id=self.next_actor_id,
            type_id=description[1],
            kind=blueprint.kind,
            description=description,
            attributes=attributes,
            pose=pose,
            extent_m=blueprint.extent_m,
            box_offset_m=blueprint.box_offset_m,
            semantic_tags=blueprint.semantic_tags,
            **more,
        )
        if blueprint.kind is Kind.TRIGGER:
            self.friction_triggers.add(actor)
        if blueprint.kind in STREAMING_KINDS:
            actor.stream_id = self.next_stream_id
            self.next_stream_id += 1
        return self._add(actor)

    def _add(self, actor: A) -> A:
        self.actors[actor.actor_id] = actor
        self.next_actor_id += 1
        return actor

    def _of_map(self, kind: Kind, type_id: str, pose: Pose) -> dict[str, Any]:
        """What every actor has, of one that belongs to the map."""
        common: dict[str, Any] = {"actor_id": self.next_actor_id, "type_id": type_id, "kind": kind, "pose": pose}
        return common | {"description": [0, type_id, []], "attributes": {}}

    def _add_light(self, index: int) -> int:
        light = self.signals.lights[index]
        pose = light_pose(light)
        offset, extent = trigger_volume(pose, light, self.lanes)
        box: dict[str, Any] = {"box_offset_m": offset, "extent_m": extent, "semantic_tags": b"\x07"}
        common = self._of_map(Kind.TRAFFIC_LIGHT, "traffic.traffic_light", pose)
        return self._add(TrafficLight(**common, **box, light_index=index)).actor_id

    def _add_sign(self, sign: Sign) -> int:
        box: dict[str, Any] = {"box_offset_m": sign.box_offset_m, "extent_m": sign.extent_m, "semantic_tags": b"\x08"}
        common = self._of_map(Kind.TRAFFIC_SIGN, sign.type_id, sign.pose)
        return self._add(TrafficSign(**common, **box, sign_id=sign.sign_id)).actor_id

    def _on_the_ground(self, pose: Pose, blueprint: Blueprint) -> Pose:
        base = self.ground_z(pose.x, pose.y, pose.z)
        above_m = pose.z - base
        if blueprint.kind is Kind.PROP and above_m > SET_DOWN_M:
            return pose
        if blueprint.kind is not Kind.VEHICLE and above_m < -SET_DOWN_M:
            return pose
        lift = blueprint.extent_m[2] if blueprint.kind is Kind.WALKER else 0.0
        return pose._replace(z=base + lift)

    def ground_z(self, x: float, y: float, z: float = 0.0) -> float:
        """Height of the road at a point; where roads lie above each other, of the one nearest to the height z."""
        if self._is_flat:
            return 0.0
        return float(self.lanes.ground(*(np.array([v]) for v in (x, y, z)))[0][0])

    def ground_label(self, x: float, y: float, z: float = 0.0) -> int:
        """What the ground is at a point: `carla.CityObjectLabel`'s number."""
        place = carla.Location(x, y, 0.0 if self._is_flat else self.ground_z(x, y, z))
        waypoint = self.carla_map.get_waypoint(place, False, carla.LaneType.Any)
        if waypoint is None:
            return int(Tag.TERRAIN)
        return int(Tag.SIDEWALKS if waypoint.lane_type == carla.LaneType.Sidewalk else Tag.ROADS)

    # Moving things by hand

    def set_pose(self, actor_id: int, pose: Pose) -> None:
        """Put an actor at a pose: in its parent's frame when it is attached, else in the world."""
        actor = self.actor(actor_id)
        if actor.pose_in_parent is not None:
            actor.pose_in_parent = pose
            parent = self.actors.get(actor.parent_id)
            actor.pose = compose(parent.pose, pose) if parent else actor.pose
            return
        actor.pose = pose

    def set_velocity(self, actor_id: int, velocity_mps: Vector) -> None:
        """Set an actor's velocity in the world."""
        actor = self.actor(actor_id)
        actor.velocity_mps = velocity_mps
        if actor_id in self.vehicles:
            self.vehicles.set_world_velocity(actor_id, velocity_mps[0], velocity_mps[1])

    def set_yaw_rate(self, actor_id: int, yaw_rate_radps: float) -> None:
        """Set how fast an actor turns about the vertical."""
        self.actor(actor_id).yaw_rate_radps = yaw_rate_radps

    def _movables(self) -> list[Movable]:
        """Walkers and props that can be hit, in the order of their ids."""
        found = [a for a in self.actors.values() if isinstance(a, Movable)]
        return [a for a in found if a.pose_in_parent is None and a.collides]

    # Time

    def step(self, delta_s: float) -> None:
        """Advance the world by `delta_s` seconds, as one frame; a long one in parts."""
        self.frame += 1
        self.time_s += delta_s
        self.delta_s = delta_s
        before = [light.state for light in self.signals.lights]
        self.contacts = []
        driven = self._drivers.registered if self._drivers is not None else []
        self.one_tick_controls.release(self.vehicles, {*driven, *self.ackermann})
        parts = max(1, math.ceil(delta_s / LONGEST_PART_S - 1e-9))
        for _ in range(parts):
            self._advance(delta_s / parts)
        self.lights_changed = before != [light.state for light in self.signals.lights]
        show_velocities(self.vehicles)
        self._read_the_road()
        self.follow_parents()
        self.friction_triggers.step(self.vehicles, self.actors)

    def _advance(self, delta_s: float) -> None:
        self.signals.step(delta_s)
        movables.move(self.actors.values(), delta_s, self.ground_z)
        hittable = self._movables()
        obstacles = movables.obstacles_of(hittable)
        if self._drivers is not None:
            self._drivers.step(self.vehicles, obstacles, delta_s)
        self._run_ackermann(delta_s)
        self._hold_constant_velocities()
        step_vehicles(self.vehicles, delta_s, flat_ground if self._is_flat else self._ground)
        self._hold_constant_velocities()
        contacts = resolve(self.vehicles, obstacles, delta_s, self.statics)
        if contacts:
            movables.take_over(hittable, obstacles)
        self.contacts = joined(self.contacts, contacts)

    def _run_ackermann(self, delta_s: float) -> None:
        for actor_id, controller in self.ackermann.items():
            v, slot = self.vehicles, self.vehicles.slot(actor_id)
            pedals = controller.run(float(v.vx_body[slot]), float(v.steer[slot]), delta_s)
            v.throttle[slot], v.steer[slot], v.brake[slot] = pedals.throttle, pedals.steer, pedals.brake
            v.reverse[slot], v.hand_brake[slot] = pedals.reverse, False

    def _hold_constant_velocities(self) -> None:
        for actor_id, velocity_mps in self.constant_velocities.items():
            yaw = float(self.vehicles.yaw[self.vehicles.slot(actor_id)])
            vx, vy, _ = rotate(Pose(yaw=yaw), velocity_mps)
            self.vehicles.set_world_velocity(actor_id, vx, vy)

    def _ground(self, x: np.ndarray, y: np.ndarray, yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z, slope, uphill = self.lanes.ground(x, y, self.vehicles.z)
        # Positive roll lowers the right side: a car across the slope with the hill at its left leans to the right.
        return z, np.arctan(slope * np.cos(yaw - uphill)), np.arctan(slope * np.sin(yaw - uphill))

    def _read_the_road(self) -> None:
        """Note what is under the wheels, the speed limit, and the traffic light before every vehicle."""
        v = self.vehicles
        if not len(v):
            return
        lanes, along, offset = self.lanes.nearest_many(v.x, v.y, v.yaw, z=v.z)
        self.surfaces.feel(v, lanes, offset)
        v.light_index[:] = self.signals.lights_for(v.x, v.y, v.yaw, v.z)
        limits = self.lanes.limits_mps(lanes, along)
        v.speed_limit_mps[:] = np.where(limits >= 0.0, limits, v.speed_limit_mps)

    def follow_parents(self) -> None:
        """Put attached actors where their parents have gone (parents are older, so one pass is enough)."""
        for actor in self.actors.values():
            if actor.pose_in_parent is not None:
                actor.pose = compose(self.actors[actor.parent_id].pose, actor.pose_in_parent)
