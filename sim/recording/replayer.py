"""CARLA's replayer: moves the world as recorded, interpolating where a tick falls between two recorded frames.

Actors of the recording are spawned anew, or taken over where one of the same id and blueprint lives; physics is off
for them until the end. Traffic lights are those of the map, matched by where they stand.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.map.signals import LightState
from sim.recording import format as record
from sim.recording.recorder import HERO
from sim.scene.poses import ZERO, Pose, compose, wrap_angle
from sim.world.actors import Actor, TrafficLight, Vehicle, Walker
from sim.world.blueprints import BLUEPRINTS, Kind
from sim.world.errors import WorldError
from sim.world.world import World

log = logging.getLogger(__name__)

SAME_LIGHT_M = 1.0
ORIGIN = Pose()
_MOVED = (Kind.VEHICLE, Kind.WALKER, Kind.PROP)


@dataclass(frozen=True)
class Playback:
    """What of a recording is played, and how."""

    start_s: float = 0.0
    duration_s: float = 0.0
    """0: to the end."""
    follow_id: int = 0
    """Recorded id of the actor that the spectator follows; 0 for none."""
    offset: Pose = ORIGIN
    with_sensors: bool = False
    ignore_hero: bool = False
    ignore_spectator: bool = True
    time_factor: float = 1.0


class Replayer:
    """Plays one file; `is_over` once its end is reached."""

    def __init__(self, path: Path, playback: Playback) -> None:
        """Raises OSError or RecordError when the file cannot be played."""
        self._file = path.open("rb")
        try:
            self.header = record.read_header(self._file)
            begin = self._file.tell()
            self.total_s = record.total_time_s(self._file)
            self._file.seek(begin)
            self._frames: Iterator[record.Frame] = record.read_frames(self._file)
            self._coming = next(self._frames, None)
        except record.RecordError:
            self._file.close()
            raise
        self.playback = playback
        self.start_s = min(max(playback.start_s + (self.total_s if playback.start_s < 0.0 else 0.0), 0.0), self.total_s)
        length_s = playback.duration_s if playback.duration_s > 0.0 else self.total_s
        self.end_s = min(self.start_s + length_s, self.total_s)
        self.now_s = self.start_s
        self.time_factor = playback.time_factor
        self.is_over = False
        self._present: record.Frame | None = None
        self._actors: dict[int, int] = {}
        """Actor in the world by recorded id."""
        self._spawned: set[int] = set()

    def begin(self, world: World) -> None:
        """Put everything where it is at the start."""
        self._show(world, 0.0)

    def step(self, world: World, delta_s: float) -> None:
        """Play on by one tick of the world."""
        if self.is_over:
            return
        played_s = delta_s * self.time_factor
        self.now_s = min(self.now_s + played_s, self.end_s)
        self._show(world, played_s)
        if self.now_s >= self.end_s - 1e-9:
            self.stop(world, keep_actors=True)

    def stop(self, world: World, keep_actors: bool) -> None:
        """End the playback: what it moved stands still under its own physics, or is destroyed."""
        self.is_over = True
        self._file.close()
        for actor_id in self._actors.values():
            actor = world.actors.get(actor_id)
            if actor is None:
                continue
            if actor_id in self._spawned and not keep_actors:
                world.destroy(actor_id)
            elif isinstance(actor, Vehicle):
                _set_free(world, actor)
            elif isinstance(actor, Walker):
                actor.velocity_mps = ZERO

    def _show(self, world: World, played_s: float) -> None:
        while self._coming is not None and self._coming.elapsed_s <= self.now_s + 1e-9:
            self._present, self._coming = self._coming, next(self._frames, None)
            self._events(world, self._present)
        if self._present is not None:
            self._states(world, self._present)
            self._move(world, self._present, played_s)
            self._follow(world)

    # Events

    def _events(self, world: World, frame: record.Frame) -> None:
        for added in frame.added:
            actor_id = self._find_or_spawn(world, added)
            if actor_id is not None:
                self._actors[added.actor_id] = actor_id
        for recorded_id in frame.removed:
            actor_id = self._actors.pop(recorded_id, None)
            if actor_id in self._spawned and actor_id in world.actors:
                world.destroy(actor_id)

    def _find_or_spawn(self, world: World, added: record.Added) -> int | None:
        place = Pose(*(component / 100.0 for component in added.location_cm))
        if added.type == record.ActorType.TRAFFIC_LIGHT:
            return _light_at(world, place)
        if added.type_id == "spectator":
            return None if self.playback.ignore_spectator else world.spectator.actor_id
        is_hero = ("role_name", HERO) in {(name, value) for _, name, value in added.attributes}
        if is_hero and self.playback.ignore_hero:
            return None
        blueprint = BLUEPRINTS.get(added.type_id)
        if blueprint is None or not (blueprint.kind in _MOVED or (self.playback.with_sensors and _is_camera(added))):
            return None
        living = world.actors.get(added.actor_id)
        if living is None or living.type_id != added.type_id:
            roll, pitch, yaw = (math.radians(angle) for angle in added.rotation_deg)
            attributes = [[name, kind, value] for kind, name, value in added.attributes]
            pose = place._replace(roll=roll, pitch=pitch, yaw=yaw)
            living = _spawned(world, added, attributes, pose)
            self._spawned.add(living.actor_id)
        if living.kind is Kind.VEHICLE:
            world.stop_driving(living.actor_id)
            world.vehicles.simulate_physics[world.vehicles.slot(living.actor_id)] = False
        return living.actor_id

    # States

    def _states(self, world: World, frame: record.Frame) -> None:
        v = world.vehicles
        for state in frame.vehicles:
            actor = self._actor(world, state.actor_id)
            if actor is not None and actor.actor_id in v:
                k = v.slot(actor.actor_id)
                v.steer[k], v.throttle[k], v.brake[k] = state.steer, state.throttle, state.brake
                v.hand_brake[k], v.reverse[k] = state.hand_brake, state.gear < 0
                v.gear[k] = min(max(state.gear, 1), int(v.gear_count[k]))
                v.manual_gear[k], v.wanted_gear[k] = state.gear == 0, max(state.gear, 0)
        for recorded_id, lamps in frame.lamps:
            actor = self._actor(world, recorded_id)
            if isinstance(actor, Vehicle):
                actor.lights = lamps
        for state in frame.lights:
            actor = self._actor(world, state.actor_id)
            if isinstance(actor, TrafficLight):
                light = world.signals.lights[actor.light_index]
                light.state, light.elapsed_s, light.frozen = LightState(state.state), state.elapsed_s, state.frozen

    def _move(self, world: World, frame: record.Frame, played_s: float) -> None:
        coming = {row[0]: row for row in self._coming.positions} if self._coming is not None else {}
        span_s = self._coming.elapsed_s - frame.elapsed_s if self._coming is not None else 0.0
        share = (self.now_s - frame.elapsed_s) / span_s if span_s > 0.0 else 0.0
        velocities = {row[0]: row[1:] for row in frame.kinematics}
        for recorded_id, place, turn in frame.positions:
            actor = self._actor(world, recorded_id)
            if actor is None:
                continue
            _, next_place, next_turn = coming.get(recorded_id, (0, place, turn))
            self._place(world, actor, _between(place, turn, next_place, next_turn, share), played_s)
            if recorded_id in velocities:
                self._set_motion(world, actor, *velocities[recorded_id])

    def _set_motion(self, world: World, actor: Actor, velocity: record.Triple, spin_deg: record.Triple) -> None:
        """Velocities as they were recorded, in the world's own time: faster when it is played faster."""
        x, y, z = (component * self.time_factor for component in velocity)
        world.set_velocity(actor.actor_id, (x, y, z))
        world.set_yaw_rate(actor.actor_id, math.radians(spin_deg[2]) * self.time_factor)

    def _place(self, world: World, actor: Actor, pose: Pose, played_s: float) -> None:
        x, y, z = pose.x - actor.pose.x, pose.y - actor.pose.y, pose.z - actor.pose.z
        world.set_pose(actor.actor_id, pose)
        if played_s > 0.0:
            # What an onlooker would measure. Traffic and sensors see it too, since it goes into the vehicles' table.
            seconds = played_s / self.time_factor
            world.set_velocity(actor.actor_id, (x / seconds, y / seconds, z / seconds))
        if isinstance(actor, Walker):
            actor.speed_mps = 0.0

    def _follow(self, world: World) -> None:
        followed = self._actor(world, self.playback.follow_id)
        if followed is not None:
            world.spectator.pose = compose(followed.pose, self.playback.offset)

    def _actor(self, world: World, recorded_id: int) -> Actor | None:
        return world.actors.get(self._actors.get(recorded_id, 0))


def _spawned(world: World, added: record.Added, attributes: list[list], pose: Pose) -> Actor:
    """A recorded actor in the world; with its blueprint's own attributes where the recorded ones cannot be."""
    try:
        return world.spawn([added.uid, added.type_id, attributes], pose, anywhere=True)
    except WorldError as error:
        log.warning("actor %d of a recording is played with usual attributes: %s", added.actor_id, error)
        return world.spawn([added.uid, added.type_id, []], pose, anywhere=True)


def _is_camera(added: record.Added) -> bool:
    return BLUEPRINTS[added.type_id].kind is Kind.CAMERA


def _light_at(world: World, place: Pose) -> int | None:
    for actor_id in world.light_ids:
        pose = world.actors[actor_id].pose
        if math.dist((pose.x, pose.y), (place.x, place.y)) < SAME_LIGHT_M:
            return actor_id
    return None


def _set_free(world: World, actor: Actor) -> None:
    v, k = world.vehicles, world.vehicles.slot(actor.actor_id)
    v.simulate_physics[k] = True
    v.throttle[k], v.steer[k], v.brake[k], v.hand_brake[k], v.reverse[k] = 0.0, 0.0, 0.0, False, False
    v.manual_gear[k] = False
    world.set_velocity(actor.actor_id, ZERO)


def _between(
    place: record.Triple, turn: record.Triple, next_place: record.Triple, next_turn: record.Triple, share: float
) -> Pose:
    """The pose a share of the way from one frame's to the next's."""
    x, y, z = ((a + share * (b - a)) / 100.0 for a, b in zip(place, next_place, strict=True))
    roll, pitch, yaw = (
        wrap_angle(math.radians(a) + share * wrap_angle(math.radians(b - a)))
        for a, b in zip(turn, next_turn, strict=True)
    )
    return Pose(x, y, z, roll, pitch, yaw)
