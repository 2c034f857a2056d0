"""What a scenario sees and moves: the route, the newest tick, and the actors it put into the world.

`Cast` is the only place from which the scenarios spawn and destroy; everything it does is a call of `carla.Client`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import carla
import py_trees

from cockpit.route.route import Route
from cockpit.route.scenario_spec import ScenarioSpec
from cockpit.scenarios.driving import Follower
from cockpit.world.conversion import carla_transform, pose_from_carla
from recorder.schema import ActorState, Control, Pose, Tick

log = logging.getLogger(__name__)

ROLE = "scenario"
"""Role name of every actor of a scenario, as ScenarioRunner has it."""
CLEARED_M = 8.0
"""Background traffic this near to where an actor must stand is removed, as on the leaderboard."""
CARS = (
    "vehicle.lincoln.mkz_2020", "vehicle.audi.tt", "vehicle.dodge.charger_2020", "vehicle.nissan.micra",
    "vehicle.mini.cooper_s", "vehicle.jeep.wrangler_rubicon",
)  # fmt: skip
POLICE = ("vehicle.dodge.charger_police_2020", "vehicle.dodge.charger_police", "vehicle.ford.ambulance", *CARS)
EMERGENCY = ("vehicle.ford.ambulance", "vehicle.carlamotors.firetruck", "vehicle.dodge.charger_police")
BICYCLES = ("vehicle.bh.crossbike", "vehicle.diamondback.century", "vehicle.gazelle.omafiets")
HAZARD_LIGHTS = carla.VehicleLightState.LeftBlinker | carla.VehicleLightState.RightBlinker
FLASHING_LIGHTS = carla.VehicleLightState.Special1 | carla.VehicleLightState.Special2


class StageError(RuntimeError):
    """The scenario cannot be played at its place; the text says what is missing there."""


@dataclass
class Vehicle:
    """A vehicle of the cast, with the path it follows."""

    actor: Any
    extent_m: tuple[float, float, float]
    spawned: Pose
    """Where it was put; no snapshot knows it before the next tick."""
    follower: Follower | None = None

    @property
    def id(self) -> int:
        """CARLA's actor id."""
        return self.actor.id

    def pose(self) -> Pose:
        """Where it is in the newest snapshot."""
        pose = pose_from_carla(self.actor.get_transform())
        return self.spawned if pose.x == pose.y == pose.z == 0.0 else pose

    def speed_mps(self) -> float:
        """How fast it is in the newest snapshot."""
        velocity = self.actor.get_velocity()
        return math.hypot(velocity.x, velocity.y)

    def state(self) -> ActorState:
        """As the schema's record, for vehicles that keep a gap to it."""
        velocity = self.actor.get_velocity()
        return ActorState(
            self.id, self.actor.type_id, ROLE, self.pose(), (velocity.x, velocity.y, velocity.z),
            (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), self.extent_m,
        )  # fmt: skip

    def light(self, lamps: carla.VehicleLightState) -> None:
        """Show these lamps and no others."""
        self.actor.set_light_state(carla.VehicleLightState(lamps))


@dataclass
class Cast:
    """The actors of one scenario."""

    client: carla.Client
    world: carla.World
    rng: random.Random
    ego_id: int
    members: list[Any] = field(default_factory=list)

    def vehicle(
        self, models: Sequence[str], pose: Pose, *, speed_mps: float = 0.0, lights: Any = None, must: bool = True
    ) -> Vehicle | None:
        """A vehicle of one of the models that the server has, drawn by the seed. None where there is no room and
        it is optional.

        Raises StageError when the server has none of these models, or when there is no room and `must` is set.
        """
        actor = self._spawn(self._model(models, "vehicle.*"), pose, must)
        if actor is None:
            return None
        box = actor.bounding_box.extent
        found = Vehicle(actor, (box.x, box.y, box.z), pose)
        if lights is not None:
            found.light(lights)
        if speed_mps > 0.0:
            ahead = carla.Vector3D(speed_mps * math.cos(pose.yaw), speed_mps * math.sin(pose.yaw), 0.0)
            actor.set_target_velocity(ahead)
        else:
            actor.apply_control(carla.VehicleControl(hand_brake=True, brake=1.0))
        return found

    def on_path(self, found: Vehicle, path: Any) -> Vehicle:
        """Give a vehicle its path ((N, 3) at 1 m)."""
        wheels = found.actor.get_physics_control().wheels
        lock = max((wheel.max_steer_angle for wheel in wheels), default=70.0) or 70.0
        found.follower = Follower(path, 1.2 * found.extent_m[0], math.radians(lock))
        return found

    def has(self, models: Sequence[str]) -> bool:
        """Whether the server has any of these blueprints."""
        library = self.world.get_blueprint_library()
        return any(len(library.filter(model)) for model in models)

    def walker(self, pose: Pose) -> Any:
        """An adult, drawn by the seed. Raises StageError where there is no room."""
        library = self.world.get_blueprint_library().filter("walker.pedestrian.*")
        adults = sorted((b for b in library if b.get_attribute("age") != "child"), key=lambda b: b.id)
        blueprint = self.rng.choice(adults)
        if blueprint.has_attribute("is_invincible"):
            blueprint.set_attribute("is_invincible", "false")
        # A walker's origin is its middle.
        return self._spawn(blueprint, Pose(pose.x, pose.y, pose.z + 0.9, 0.0, 0.0, pose.yaw), True)

    def prop(self, models: Sequence[str], pose: Pose, must: bool = False) -> Any | None:
        """The first of the models that the server has; None without room, unless it must be there."""
        library = self.world.get_blueprint_library()
        known = [model for model in models if len(library.filter(model))]
        if not known:
            raise StageError(f"the server has none of {', '.join(models)}")
        return self._spawn(library.find(known[0]), pose, must)

    def destroy(self, actor: Any) -> None:
        """Remove one member."""
        if actor in self.members:
            self.members.remove(actor)
            self.client.apply_batch_sync([carla.command.DestroyActor(actor.id)], False)

    def close(self) -> None:
        """Remove every member; safe to call twice."""
        gone, self.members = self.members, []
        if gone:
            with contextlib.suppress(RuntimeError):  # the server is gone, and they with it
                self.client.apply_batch_sync([carla.command.DestroyActor(actor.id) for actor in gone], False)

    def _model(self, models: Sequence[str], else_any: str) -> carla.ActorBlueprint:
        library = self.world.get_blueprint_library()
        known = [model for model in models if len(library.filter(model))]
        if not known:
            raise StageError(f"the server has none of {', '.join(models)} ({else_any})")
        # Special vehicles are the first model that the server has; ordinary cars are drawn.
        blueprint = library.find(self.rng.choice(known) if models is CARS or models is BICYCLES else known[0])
        if blueprint.has_attribute("color"):
            blueprint.set_attribute("color", self.rng.choice(blueprint.get_attribute("color").recommended_values))
        return blueprint

    def _spawn(self, blueprint: carla.ActorBlueprint, pose: Pose, must: bool) -> Any | None:
        if blueprint.has_attribute("role_name"):
            blueprint.set_attribute("role_name", ROLE)
        lift = 0.3 if blueprint.id.startswith("vehicle.") else 0.05
        where = carla_transform(Pose(pose.x, pose.y, pose.z + lift, 0.0, 0.0, pose.yaw))
        actor = self.world.try_spawn_actor(blueprint, where)
        if actor is None and self._clear(pose):
            actor = self.world.try_spawn_actor(blueprint, where)
        if actor is None:
            if must:
                raise StageError(f"no room for {blueprint.id} at x={pose.x:.1f}, y={pose.y:.1f}")
            return None
        self.members.append(actor)
        return actor

    def _clear(self, pose: Pose) -> bool:
        """Remove background traffic from a place; whether there was any."""
        batch = []
        for actor in self.world.get_actors().filter("vehicle.*"):
            where = actor.get_location()
            near = math.hypot(where.x - pose.x, where.y - pose.y) < CLEARED_M
            if near and actor.id != self.ego_id and actor.attributes.get("role_name") == "autopilot":
                batch.append(carla.command.DestroyActor(actor.id))
        if batch:
            self.client.apply_batch_sync(batch, False)
        return bool(batch)


@dataclass
class Scene:
    """One scenario's world."""

    world: carla.World
    carla_map: carla.Map
    route: Route
    spec: ScenarioSpec
    trigger_m: float
    rng: random.Random
    cast: Cast
    tick: Tick | None = None
    """The newest finished tick."""

    @property
    def now(self) -> Tick:
        """The newest tick; there is one as soon as anything is played."""
        assert self.tick is not None  # noqa: S101 (the director sets it before it builds or ticks a tree)
        return self.tick

    @property
    def driven_m(self) -> float:
        """How far the ego is along the route."""
        return self.now.route.driven_m

    def seconds_to(self, at_m: float, at_least_mps: float = 3.0) -> float:
        """When the ego will be `at_m` along the route, at its present speed (or a little, when it stands)."""
        return (at_m - self.driven_m) / max(self.now.ego.speed_mps, at_least_mps)


@dataclass
class Play:
    """A scenario built and ready to be played."""

    tree: py_trees.behaviour.Behaviour
    end_m: float
    """Past this distance along the route the ego is through."""
    check: Callable[[Tick], str] | None = None
    """The type's own success test, called in every tick while it is played: what was done wrong, or nothing."""
    final: Callable[[Tick], str] | None = None
    """The same, called once at the end."""
    disturb: Callable[[Control], Control] | None = None
    """What the scene does to the ego's control."""
    keeps_lights: bool = True
    """Crossing a red light fails it."""
