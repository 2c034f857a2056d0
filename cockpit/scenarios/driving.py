"""How a scenario's vehicles follow a path: pure pursuit, a PI controller for speed, and a gap to what is in the way.

Pure arithmetic; `cockpit.scenarios.atoms` applies the result as `carla.VehicleControl`. Pedals and not set
velocities, so that the actors brake, lean and can be hit like any other car, on the simulator as on CARLA.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cockpit.route.route import wrapped
from recorder.schema import ActorState

LOOKAHEAD_M, LOOKAHEAD_S = 2.5, 0.35
THROTTLE_PER_MPS, THROTTLE_PER_M, BRAKE_PER_MPS = 0.35, 0.12, 0.25
STANDING_GAP_M, TIME_GAP_S = 3.0, 0.8
HARDEST_MPS2, EASY_MPS2 = 7.0, 3.0
CORRIDOR_M = 0.4
"""Free space on both sides of a vehicle within which another body is in its way."""
WINDOW_M = 12


@dataclass(frozen=True, slots=True)
class Pedals:
    """Steer, throttle and brake in CARLA's ranges."""

    steer: float
    throttle: float
    brake: float


@dataclass(slots=True)
class Follower:
    """One vehicle on its path, which has a point a metre."""

    path: NDArray[np.float64]
    """(N, >=2) x, y."""
    wheelbase_m: float = 2.8
    max_steer_rad: float = math.radians(70.0)
    at_m: float = 0.0
    """How far along the path it is."""
    _sum: float = field(default=0.0)

    @property
    def length_m(self) -> float:
        """Length of the path."""
        return float(len(self.path) - 1)

    def locate(self, x: float, y: float) -> float:
        """Move on to where the vehicle is now; metres along the path."""
        first = max(int(self.at_m) - 2, 0)
        near = self.path[first : int(self.at_m) + WINDOW_M, :2]
        best = int(np.argmin((near[:, 0] - x) ** 2 + (near[:, 1] - y) ** 2)) + first
        a, b = self.path[max(best - 1, 0), :2], self.path[min(best + 1, len(self.path) - 1), :2]
        leg = b - a
        along = float((np.array([x, y]) - self.path[best, :2]) @ leg / max(float(np.hypot(*leg)), 1e-6))
        self.at_m = min(max(best + min(max(along, -1.0), 1.0), self.at_m - 1.0), self.length_m)
        return self.at_m

    def pedals(self, x: float, y: float, yaw: float, speed_mps: float, target_mps: float, delta_s: float) -> Pedals:
        """Control towards `target_mps` along the path; call `locate` first."""
        error = target_mps - speed_mps
        steer = self._steer(x, y, yaw, speed_mps)
        if target_mps < 0.1:
            self._sum = 0.0
            return Pedals(steer, 0.0, 0.6 if speed_mps < 1.0 else min(0.25 + 0.12 * speed_mps, 1.0))
        self._sum = min(max(self._sum + error * delta_s, -4.0), 6.0) if abs(error) < 2.0 else self._sum
        throttle = THROTTLE_PER_MPS * error + THROTTLE_PER_M * self._sum + 0.15
        if error < -0.5:
            return Pedals(steer, 0.0, min(-BRAKE_PER_MPS * error * 0.5, 1.0))
        return Pedals(steer, min(max(throttle, 0.0), 1.0), 0.0)

    def _steer(self, x: float, y: float, yaw: float, speed_mps: float) -> float:
        ahead = min(round(self.at_m + LOOKAHEAD_M + LOOKAHEAD_S * speed_mps + 1.0), len(self.path) - 1)
        tx, ty = (float(value) for value in self.path[ahead, :2])
        if self.at_m + LOOKAHEAD_M > self.length_m:  # the end: straight on
            before = self.path[-2, :2]
            reach = LOOKAHEAD_M + LOOKAHEAD_S * speed_mps
            leg = (self.path[-1, :2] - before) / max(float(np.hypot(*(self.path[-1, :2] - before))), 1e-6)
            tx, ty = tx + reach * float(leg[0]), ty + reach * float(leg[1])
        rear_x = x - 0.5 * self.wheelbase_m * math.cos(yaw)
        rear_y = y - 0.5 * self.wheelbase_m * math.sin(yaw)
        dx, dy = tx - rear_x, ty - rear_y
        turned = wrapped(math.atan2(dy, dx) - yaw)
        wheel = math.atan(2.0 * self.wheelbase_m * math.sin(turned) / max(math.hypot(dx, dy), 1.0))
        return min(max(wheel / self.max_steer_rad, -1.0), 1.0)

    def heeded_mps(
        self, wish_mps: float, own: ActorState, others: Iterable[ActorState], reach_m: float = 40.0
    ) -> float:
        """`wish_mps`, or as much less as keeps a gap to any road user on the path ahead."""
        speed = wish_mps
        first = int(self.at_m)
        ahead = self.path[first : first + int(reach_m), :2]
        if len(ahead) < 2:
            return speed
        for other in others:
            if other.actor_id == own.actor_id:
                continue
            dx, dy = ahead[:, 0] - other.pose.x, ahead[:, 1] - other.pose.y
            squared = dx * dx + dy * dy
            nearest = int(np.argmin(squared))
            reach = own.extent_m[1] + CORRIDOR_M + _half_across(other, ahead, nearest)
            if squared[nearest] > reach * reach or nearest == 0:
                continue
            gap = nearest - own.extent_m[0] - max(other.extent_m[0], other.extent_m[1]) - STANDING_GAP_M
            along = _speed_along(other, ahead, nearest)
            speed = min(speed, _safe_mps(gap, max(along, 0.0)))
        return max(speed, 0.0)


def _half_across(other: ActorState, path: NDArray[np.float64], index: int) -> float:
    """Half of what a box measures across the path."""
    turned = other.pose.yaw - _yaw(path, index)
    return abs(other.extent_m[0] * math.sin(turned)) + abs(other.extent_m[1] * math.cos(turned))


def _speed_along(other: ActorState, path: NDArray[np.float64], index: int) -> float:
    yaw = _yaw(path, index)
    return other.velocity_mps[0] * math.cos(yaw) + other.velocity_mps[1] * math.sin(yaw)


def _yaw(path: NDArray[np.float64], index: int) -> float:
    a, b = path[max(index - 1, 0)], path[min(index + 1, len(path) - 1)]
    return math.atan2(b[1] - a[1], b[0] - a[0])


def _safe_mps(gap_m: float, leader_mps: float) -> float:
    """Speed from which a vehicle can still stop behind a leader that brakes as hard (Gipps 1981 with reaction)."""
    if gap_m <= 0.0:
        return 0.0 if leader_mps < 1.0 else max(leader_mps - 1.0, 0.0)
    reaction = EASY_MPS2 * TIME_GAP_S
    return -reaction + math.sqrt(reaction**2 + 2.0 * EASY_MPS2 * gap_m + leader_mps**2)


def bend_speed_mps(path: NDArray[np.float64], from_m: float, lateral_mps2: float = 3.5, ahead_m: int = 14) -> float:
    """Speed at which the sharpest bend of the next metres is driven with no more than a lateral acceleration."""
    piece = path[int(from_m) : int(from_m) + ahead_m, :2]
    if len(piece) < 7:
        return math.inf
    course = np.unwrap(np.arctan2(*(piece[3:] - piece[:-3]).T[::-1]))
    curvature = float(np.abs(course[3:] - course[:-3]).max()) / 3.0
    return math.sqrt(lateral_mps2 / max(curvature, 1e-4))


def arrival_s(left_m: float, speed_mps: float, end_mps: float = math.inf, braking_mps2: float = 1.4) -> float:
    """Seconds that a road user needs for `left_m` metres, arriving no faster than `end_mps`, braking in time."""
    speed = max(speed_mps, 3.0)
    if end_mps >= speed or left_m <= 0.0:
        return max(left_m, 0.0) / speed
    braking_m = min((speed**2 - end_mps**2) / (2.0 * braking_mps2), left_m)
    return (left_m - braking_m) / speed + 2.0 * braking_m / (speed + end_mps)


def way_s(limits_mps: NDArray[np.float64], speed_mps: float) -> float:
    """Seconds for a way with a speed limit for each metre, driven at `speed_mps` where that is allowed."""
    return float((1.0 / np.minimum(limits_mps, max(speed_mps, 0.1))).sum())


def way_speed_mps(limits_mps: NDArray[np.float64], left_s: float, least: float, most: float) -> float:
    """Speed at which a way with a limit for each metre takes `left_s` seconds, within bounds (to 0.25 m/s)."""
    speeds = np.arange(least, most, 0.25)
    return next((float(speed) for speed in speeds if way_s(limits_mps, float(speed)) <= left_s), most)
