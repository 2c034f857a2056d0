"""CARLA's recorder: writes each tick of the world to a file that CARLA's replayer and ours can read."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from sim.recording import format as record
from sim.scene.poses import Pose
from sim.world.actors import Actor, TrafficLight, Vehicle, Walker
from sim.world.blueprints import Kind
from sim.world.world import World

_TYPES = {
    Kind.VEHICLE: record.ActorType.VEHICLE,
    Kind.WALKER: record.ActorType.WALKER,
    Kind.TRAFFIC_LIGHT: record.ActorType.TRAFFIC_LIGHT,
}
_MOVING = (Kind.VEHICLE, Kind.WALKER, Kind.SPECTATOR, Kind.CAMERA)
HERO = "hero"


def recording_path(name: str) -> Path:
    """Where a recording of that name is: as it stands when it names a folder, else in the user's data folder."""
    if "/" in name or "\\" in name:
        return Path(name).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "takeover" / "recordings" / name


class Recorder:
    """Writes one file, a frame a tick, until closed."""

    def __init__(self, path: Path, map_name: str, additional_data: bool) -> None:
        """Raises OSError when the file cannot be written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("wb")
        self._file.write(record.pack_header(record.Header(map_name, int(time.time()))))
        self._additional = additional_data
        self._known: dict[int, int] = {}
        """Parent by actor, of those that were there in the last frame."""
        self.frames = 0
        """Written so far."""
        self._elapsed_s = 0.0
        self._collisions = 0
        self._duration_at = 0
        self._began_s = time.monotonic()

    def note(self, world: World) -> None:
        """Write the world's present tick. Raises OSError when it cannot be written."""
        if self.frames:
            self._elapsed_s += world.delta_s
            end = self._file.tell()
            self._file.seek(self._duration_at)
            self._file.write(record.DURATION.pack(world.delta_s))
            self._file.seek(end)
        self.frames += 1
        self._duration_at = self._file.tell() + record.DURATION_OFFSET
        self._file.write(record.pack_frame(self._frame(world)))

    def close(self) -> None:
        """End the file. Raises OSError when what is left of it cannot be written; it is closed nonetheless."""
        self._file.close()

    def _frame(self, world: World) -> record.Frame:
        actors = world.actors
        new = [actor for actor in actors.values() if actor.actor_id not in self._known]
        frame = record.Frame(self.frames, record.NO_DURATION, self._elapsed_s)
        frame.added = [_added(actor) for actor in new]
        frame.removed = [actor_id for actor_id in self._known if actor_id not in actors]
        frame.parents = [
            (a.actor_id, a.parent_id) for a in actors.values() if a.parent_id != self._known.get(a.actor_id, 0)
        ]
        self._known = {actor.actor_id: actor.parent_id for actor in actors.values()}
        frame.collisions = self._contacts(world)
        self._write_states(world, frame)
        if self._additional:
            self._write_more(world, frame, new)
        return frame

    def _contacts(self, world: World) -> list[record.Collided]:
        collisions = []
        for contact in world.contacts:
            first, second = (world.actors.get(actor_id) for actor_id in (contact.a, contact.b))
            ids = (contact.a or record.NO_ACTOR, contact.b or record.NO_ACTOR)
            collisions.append(record.Collided(self._collisions, *ids, _is_hero(first), _is_hero(second)))
            self._collisions += 1
        return collisions

    def _write_states(self, world: World, frame: record.Frame) -> None:
        v = world.vehicles
        gears = v.shown_gears()
        for actor in world.actors.values():
            if actor.kind in _MOVING:
                frame.positions.append((actor.actor_id, *_on_file(actor.pose)))
            if isinstance(actor, Vehicle):
                k = v.slot(actor.actor_id)
                pedals = (float(v.steer[k]), float(v.throttle[k]), float(v.brake[k]))
                frame.vehicles.append(
                    record.VehicleState(actor.actor_id, *pedals, bool(v.hand_brake[k]), int(gears[k]))
                )
                frame.lamps.append((actor.actor_id, actor.lights))
            elif isinstance(actor, Walker):
                frame.walkers.append((actor.actor_id, 100.0 * math.hypot(*actor.velocity_mps)))
            elif isinstance(actor, TrafficLight):
                light = world.signals.lights[actor.light_index]
                state = record.LightState(actor.actor_id, light.frozen, light.elapsed_s, int(light.state))
                frame.lights.append(state)

    def _write_more(self, world: World, frame: record.Frame, new: list[Actor]) -> None:
        frame.boxes = [(a.actor_id, a.box_offset_m, a.extent_m) for a in new if any(a.extent_m)]
        frame.kinematics = [
            (a.actor_id, a.velocity_mps, (0.0, 0.0, math.degrees(a.yaw_rate_radps)))
            for a in world.actors.values()
            if a.kind in (Kind.VEHICLE, Kind.WALKER)
        ]
        frame.platform_time_s = time.monotonic() - self._began_s


def _is_hero(actor: Actor | None) -> bool:
    return actor is not None and actor.attributes.get("role_name") == HERO


def _on_file(pose: Pose) -> tuple[record.Triple, record.Triple]:
    place = (100.0 * pose.x, 100.0 * pose.y, 100.0 * pose.z)
    return place, (math.degrees(pose.roll), math.degrees(pose.pitch), math.degrees(pose.yaw))


def _added(actor: Actor) -> record.Added:
    uid, type_id, attributes = actor.description
    rows = tuple((int(kind), str(name), str(value)) for name, kind, value in attributes)
    kind = _TYPES.get(actor.kind, record.ActorType.OTHER)
    return record.Added(actor.actor_id, kind, *_on_file(actor.pose), int(uid), str(type_id), rows)
