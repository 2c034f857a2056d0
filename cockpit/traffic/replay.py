"""Background traffic as it was recorded: vehicles and walkers move along given trajectories, whatever the ego does.

The other mode beside the TrafficManager's (`cockpit.traffic.manager`), as in CoReVLA's rig. Trajectories come as CSV
with one row for each actor and moment: ``time_s,actor_id,type_id,x,y,z,yaw_rad`` (CARLA's world frame, metres,
radians; times from the drive's start). `takeover segments trajectories` writes one from a recording.
"""

from __future__ import annotations

import csv
import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from cockpit.config import ConfigError

log = logging.getLogger(__name__)

COLUMNS = ("time_s", "actor_id", "type_id", "x", "y", "z", "yaw_rad")
SUBSTITUTE = "vehicle.nissan.micra"
"""Stands in for a vehicle that this server does not have."""
ROLE = "replay"


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The path of one road user; rows are ordered by time."""

    type_id: str
    times_s: NDArray[np.float64]
    poses: NDArray[np.float64]
    """(N, 4) x, y, z, yaw (unwrapped), metres and radians."""

    def at(self, time_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Pose (4,) and velocity (3,) at a time, between the rows; None before the first and after the last."""
        if not self.times_s[0] <= time_s <= self.times_s[-1]:
            return None
        index = min(int(np.searchsorted(self.times_s, time_s, side="right")), len(self.times_s) - 1)
        before = max(index - 1, 0)
        span_s = max(float(self.times_s[index] - self.times_s[before]), 1e-6)
        step = self.poses[index] - self.poses[before]
        share = (time_s - float(self.times_s[before])) / span_s if index != before else 0.0
        return self.poses[before] + share * step, step[:3] / span_s


def read_trajectories(path: Path | str) -> list[Trajectory]:
    """Every road user of a CSV file, ordered by actor id.

    Raises:
        ConfigError: missing, without the columns of `COLUMNS`, or with something that is no number.

    """
    rows: dict[int, list[tuple[float, ...]]] = defaultdict(list)
    types: dict[int, str] = {}
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(f"{path}: has no column {', '.join(missing)}; needed: {', '.join(COLUMNS)}.")
            for row in reader:
                actor_id = int(row["actor_id"])
                types[actor_id] = row["type_id"]
                rows[actor_id].append(tuple(float(row[name]) for name in ("time_s", "x", "y", "z", "yaw_rad")))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Give a CSV of trajectories.") from error
    except (ValueError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: line {reader.line_num} has something that is no number ({error}).") from error
    return [_trajectory(types[actor_id], rows[actor_id]) for actor_id in sorted(rows)]


def _trajectory(type_id: str, rows: Sequence[tuple[float, ...]]) -> Trajectory:
    table = np.array(sorted(rows))
    poses = table[:, 1:].copy()
    poses[:, 3] = np.unwrap(poses[:, 3])
    return Trajectory(type_id, table[:, 0], poses)


@dataclass
class ReplayTraffic:
    """Puts recorded road users into a world and moves them, each from its first recorded moment to its last."""

    client: carla.Client
    world: carla.World
    trajectories: Sequence[Trajectory]
    _placed: dict[int, Any] = field(default_factory=dict)
    _refused: set[int] = field(default_factory=set)

    def step(self, time_s: float) -> None:
        """Put every road user where it was `time_s` after the start, with the velocity of its trajectory."""
        for number, trajectory in enumerate(self.trajectories):
            found = trajectory.at(time_s)
            if found is None:
                self._remove(number)
                continue
            pose, velocity = found
            actor = self._placed.get(number) or self._enter(number, trajectory, pose)
            if actor is not None:
                actor.set_transform(_transform(pose))
                if actor.type_id.startswith("vehicle"):
                    actor.set_target_velocity(carla.Vector3D(*(float(value) for value in velocity)))
                elif actor.type_id.startswith("walker"):
                    _walk(actor, velocity)

    def close(self) -> None:
        """Remove all of them; safe to call twice."""
        for number in list(self._placed):
            self._remove(number)

    def _enter(self, number: int, trajectory: Trajectory, pose: NDArray[np.float64]) -> Any | None:
        if number in self._refused:
            return None
        library = self.world.get_blueprint_library()
        models = library.filter(trajectory.type_id)
        if not len(models) and trajectory.type_id.startswith("vehicle"):
            models = library.filter(SUBSTITUTE)
        if not len(models):
            self._refused.add(number)
            log.warning("replayed traffic: this server has no %s", trajectory.type_id)
            return None
        blueprint = models[0]
        if blueprint.has_attribute("role_name"):
            blueprint.set_attribute("role_name", ROLE)
        actor = self.world.try_spawn_actor(blueprint, _transform(pose, lift_m=0.3))
        if actor is not None:
            self._placed[number] = actor
        return actor

    def _remove(self, number: int) -> None:
        actor = self._placed.pop(number, None)
        if actor is not None:
            self.client.apply_batch_sync([carla.command.DestroyActor(actor.id)], False)


def _transform(pose: NDArray[np.float64], lift_m: float = 0.0) -> carla.Transform:
    x, y, z, yaw = (float(value) for value in pose)
    return carla.Transform(carla.Location(x, y, z + lift_m), carla.Rotation(yaw=math.degrees(yaw)))


def _walk(actor: Any, velocity: NDArray[np.float64]) -> None:
    speed = float(np.hypot(velocity[0], velocity[1]))
    if speed > 0.05:
        direction = carla.Vector3D(float(velocity[0]) / speed, float(velocity[1]) / speed, 0.0)
        actor.apply_control(carla.WalkerControl(direction, speed, False))
    else:
        actor.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 0.0, False))
