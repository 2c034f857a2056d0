"""The leaves of the scenarios' behaviour trees (`py_trees`): wait, drive, walk, stand, flow, hold the lights.

A leaf answers RUNNING until it is done; what it does to the world is a call of the client library in each tick.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np
import py_trees
from numpy.typing import NDArray
from py_trees.behaviour import Behaviour
from py_trees.common import ParallelPolicy, Status

from cockpit.scenarios.driving import arrival_s
from cockpit.scenarios.places import HEADINGS, pose_on
from cockpit.scenarios.scene import CARS, Scene, Vehicle
from recorder.schema import ActorState, Pose

SAME_WAY_COS = math.cos(math.radians(60.0))
STANDS_MPS, CREEPS_MPS = 1.0, 4.0
PACE = (0.75, 1.3)
"""How much slower or faster than its own speed a flow may drive, to meet the ego."""
PACED_UNTIL_S = 1.0
"""A flow keeps its speed from where the ego is this near to the meeting point, or has slowed down for it."""
GIVES_WAY_MPS = 2.5
CAR_M = 4.5
EGO_MPS = 8.0
"""The speed assumed for the ego on its way there, before it has shown how it drives."""
PACED_FROM_M = 10.0
"""Before that the ego only gets going."""


def sequence(name: str, *children: Behaviour) -> Behaviour:
    """One after the other."""
    return py_trees.composites.Sequence(name, memory=True, children=list(children))


def until_first(name: str, *children: Behaviour) -> Behaviour:
    """All at once, until one of them is done."""
    return py_trees.composites.Parallel(name, ParallelPolicy.SuccessOnOne(), list(children))


def together(name: str, *children: Behaviour) -> Behaviour:
    """All at once, until all are done."""
    return py_trees.composites.Parallel(name, ParallelPolicy.SuccessOnAll(), list(children))


class Wait(Behaviour):
    """Until something is true; done at once where it is."""

    def __init__(self, name: str, is_over: Callable[[], bool]) -> None:
        super().__init__(name)
        self._is_over = is_over

    def update(self) -> Status:
        """Test it once."""
        return Status.SUCCESS if self._is_over() else Status.RUNNING


class Do(Behaviour):
    """Something done once."""

    def __init__(self, name: str, act: Callable[[], object]) -> None:
        super().__init__(name)
        self._act = act

    def update(self) -> Status:
        """Do it."""
        self._act()
        return Status.SUCCESS


class Pause(Behaviour):
    """A span of simulation time."""

    def __init__(self, scene: Scene, seconds: float) -> None:
        super().__init__(f"pause {seconds:.1f} s")
        self._scene, self._seconds, self._begun_s = scene, seconds, 0.0

    def initialise(self) -> None:
        """Start the clock."""
        self._begun_s = self._scene.now.time_s

    def update(self) -> Status:
        """Done once the time is over."""
        return Status.SUCCESS if self._scene.now.time_s - self._begun_s >= self._seconds - 1e-6 else Status.RUNNING


class Forever(Behaviour):
    """Never done."""

    def update(self) -> Status:
        """Go on."""
        return Status.RUNNING


class DriveAlong(Behaviour):
    """A vehicle drives along its path, at a speed that may change, to its end.

    With `heeds`, it keeps a gap to everybody on its path, and to the ego once that goes the same way.
    """

    def __init__(
        self, scene: Scene, vehicle: Vehicle, speed_mps: float | Callable[[], float], *, heeds: bool = True
    ) -> None:
        super().__init__(f"drive {vehicle.actor.type_id}")
        self._scene, self._vehicle, self._speed, self._heeds = scene, vehicle, speed_mps, heeds

    def update(self) -> Status:
        """One tick of driving."""
        follower = self._vehicle.follower
        if follower is None or not drive(self._scene, self._vehicle, self._target(), heeds=self._heeds):
            return Status.SUCCESS
        return Status.RUNNING

    def _target(self) -> float:
        return self._speed() if callable(self._speed) else self._speed


def drive(scene: Scene, vehicle: Vehicle, target_mps: float, *, heeds: bool) -> bool:
    """One tick of a vehicle along its path; False at its end."""
    follower = vehicle.follower
    if follower is None:
        return False
    state = vehicle.state()
    at_m = follower.locate(state.pose.x, state.pose.y)
    if heeds:
        others = (scene.now.ego, *scene.now.actors) if _is_heeded(scene.now.ego, state) else scene.now.actors
        target_mps = follower.heeded_mps(target_mps, state, others)
    speed = state.speed_mps
    pedals = follower.pedals(state.pose.x, state.pose.y, state.pose.yaw, speed, target_mps, scene.now.delta_s)
    vehicle.actor.apply_control(carla.VehicleControl(throttle=pedals.throttle, steer=pedals.steer, brake=pedals.brake))
    return at_m < follower.length_m - 1.0


def _is_heeded(ego: ActorState, own: ActorState) -> bool:
    """Whether the ego drives the vehicle's way, stands in it or creeps towards it: a crossing vehicle must yield."""
    same = math.cos(ego.pose.yaw - own.pose.yaw)
    return same > SAME_WAY_COS or ego.speed_mps < (CREEPS_MPS if same < -SAME_WAY_COS else STANDS_MPS)


class Stand(Behaviour):
    """A vehicle brakes to a stand and stays."""

    def __init__(self, vehicle: Vehicle, brake: float = 1.0) -> None:
        super().__init__(f"stand {vehicle.actor.type_id}")
        self._vehicle, self._brake = vehicle, brake

    def update(self) -> Status:
        """Brake."""
        self._vehicle.actor.apply_control(carla.VehicleControl(brake=self._brake))
        return Status.RUNNING


class WalkTo(Behaviour):
    """A walker goes straight to a point."""

    def __init__(self, walker: Any, goal: Pose, speed_mps: float) -> None:
        super().__init__("walk")
        self._walker, self._goal, self._speed = walker, goal, speed_mps

    def update(self) -> Status:
        """One step."""
        where = self._walker.get_location()
        dx, dy = self._goal.x - where.x, self._goal.y - where.y
        left = math.hypot(dx, dy)
        if left < 0.3:
            self._walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 0.0, False))
            return Status.SUCCESS
        direction = carla.Vector3D(dx / left, dy / left, 0.0)
        self._walker.apply_control(carla.WalkerControl(direction, self._speed, False))
        return Status.RUNNING


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where a flow and the ego come together."""

    path_m: float
    """Along the flow's path."""
    route_m: float
    """Along the ego's route."""
    ego_mps: float = math.inf
    """The ego is not expected to be faster there (in a turn)."""


class Flow(Behaviour):
    """Vehicles that come one after the other along a path, at a speed, with gaps drawn from a range (bumper to bumper).

    Never done. When it begins the path is filled up to `filled_m`, so that the flow is under way when it is met. With
    `meets` it goes a little slower or faster than `speed_mps` until then, so that one of them is there with the ego.
    """

    def __init__(
        self,
        scene: Scene,
        path: NDArray[np.float64],
        speed_mps: float,
        gap_m: tuple[float, float],
        *,
        filled_m: float = 0.0,
        models: Sequence[str] = CARS,
        heeds: bool = True,
        most: int = 30,
        meets: Meeting | None = None,
    ) -> None:
        super().__init__("flow")
        self._meets, self._is_paced = meets, meets is not None
        self._scene, self._path, self._speed, self._gap = scene, path, speed_mps, gap_m
        self._filled, self._models, self._heeds, self._left = filled_m, models, heeds, most
        self._driving: list[Vehicle] = []
        self._factor = 1.0
        self._next_gap_m = 0.0

    def initialise(self) -> None:
        """Fill the path."""
        first = self._first_m()
        ahead, at = [], first + self._draw() + CAR_M if first < self._filled else self._filled
        while at < self._filled:
            ahead.append(at)
            at += self._draw() + CAR_M
        for place in reversed(ahead):
            self._enter(int(place))
        at = first
        while at > 0.0:
            self._enter(int(at))
            at -= self._draw() + CAR_M
        self._next_gap_m = self._draw()

    def _first_m(self) -> float:
        """Where a vehicle must be now to meet the ego at the flow's own speed, or the end of the filled part."""
        if self._meets is None:
            return self._filled
        left_s = (self._meets.route_m - self._scene.driven_m) / EGO_MPS
        return min(max(self._meets.path_m - self._speed * left_s, 0.0), self._filled)

    def update(self) -> Status:
        """Drive all vehicles on, remove those at the end, let the next one in."""
        self._pace()
        for vehicle in list(self._driving):
            if not drive(self._scene, vehicle, self._speed * self._factor, heeds=self._heeds):
                self._driving.remove(vehicle)
                self._scene.cast.destroy(vehicle.actor)
        if self._is_due():
            self._enter(0)
            self._next_gap_m = self._draw()
        return Status.RUNNING

    def _pace(self) -> None:
        """Set the speed of all by the vehicle that comes nearest to meeting the ego, so that the gaps stay."""
        if self._meets is None or not self._is_paced:
            return
        ego_mps = self._scene.now.ego.speed_mps
        begun = self._scene.driven_m > PACED_FROM_M
        left_s = arrival_s(self._meets.route_m - self._scene.driven_m, ego_mps, self._meets.ego_mps)
        if begun and (left_s < PACED_UNTIL_S or ego_mps < GIVES_WAY_MPS):
            self._is_paced = False
            return
        left_m = [self._meets.path_m - v.follower.at_m for v in self._driving if v.follower is not None]
        coming = [one for one in left_m if one > 0.0]
        if begun and coming:
            nearest = min(coming, key=lambda one: abs(one / self._speed - left_s))
            self._factor = min(max(nearest / left_s / self._speed, PACE[0]), PACE[1])

    def _is_due(self) -> bool:
        newest = [v.follower.at_m - v.extent_m[0] for v in self._driving if v.follower is not None]
        ego = self._scene.now.ego.pose
        if math.hypot(ego.x - self._path[0, 0], ego.y - self._path[0, 1]) < 12.0:
            return False
        return self._left > 0 and min(newest, default=math.inf) > self._next_gap_m + 2.4

    def _enter(self, at: int) -> None:
        pose = pose_on(self._path, at)
        found = self._scene.cast.vehicle(self._models, pose, speed_mps=self._speed, must=False)
        if found is not None:
            self._left -= 1
            self._scene.cast.on_path(found, self._path)
            if found.follower is not None:
                found.follower.at_m = float(at)
            self._driving.append(found)

    def _draw(self) -> float:
        return self._scene.rng.uniform(*self._gap)


class HoldLights(Behaviour):
    """Holds the lights of the route's next junction: the ego's in one colour, the others red; frees them when it ends.

    `too`: whose traffic has what the ego has, one of `HEADINGS`. Never done; without lights it holds nothing.
    """

    def __init__(self, scene: Scene, *, too: str = "same", own: Any = carla.TrafficLightState.Green) -> None:
        super().__init__("hold the lights")
        self._scene, self._too, self._colour = scene, HEADINGS[too], own
        self._own: Any = None

    def initialise(self) -> None:
        """Set them and stop their clock."""
        scene = self._scene
        lines = [line for line in scene.route.stop_lines if line.distance_m > scene.driven_m and line.actor_id >= 0]
        if not lines:
            return
        own: Any = scene.world.get_actor(lines[0].actor_id)
        self._own = own
        heading = scene.route.pose_at(lines[0].distance_m - 2.0).yaw
        for light in own.get_group_traffic_lights():
            stops = light.get_stop_waypoints()
            yaw = math.radians(stops[0].transform.rotation.yaw) if stops else math.inf
            goes = light.id == own.id or (bool(stops) and math.cos(yaw - heading - self._too) > 0.7)
            light.set_state(self._colour if goes else carla.TrafficLightState.Red)
        own.freeze(True)

    def update(self) -> Status:
        """Running until it is stopped."""
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        """Let their clock run on."""
        if new_status is not Status.RUNNING and self._own is not None:
            own, self._own = self._own, None
            own.freeze(False)


def ego_past(scene: Scene, at_m: float) -> Wait:
    """Until the ego is `at_m` along the route."""
    return Wait(f"ego past {at_m:.0f} m", lambda: scene.driven_m >= at_m)


def ego_due(scene: Scene, at_m: float, seconds: float) -> Wait:
    """Until the ego is `seconds` away from a point on its route, at its present speed."""
    return Wait(f"ego {seconds:.1f} s from {at_m:.0f} m", lambda: scene.seconds_to(at_m) <= seconds)


def gap_m(a: ActorState, b: ActorState) -> float:
    """Between two actors' centres."""
    return math.hypot(a.pose.x - b.pose.x, a.pose.y - b.pose.y)
