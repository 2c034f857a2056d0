"""Poses of a tracked head: from the tracker's axes to the rig's, from the tracked body to the eye, and a little ahead.

Pure. Prediction is a constant velocity, smoothed by an alpha-beta filter (P. R. Kalata, "The tracking index", 1984):
what a head does in 50 ms is nearly that, and the filter needs no tuning by the driver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cockpit.config import ConfigError
from cockpit.rig.head_config import HeadTracking

Vector3 = tuple[float, float, float]
ALPHA, BETA = 0.6, 0.15
"""Gains of the filter on place and speed: at 100 Hz it follows a head within three measurements."""
LONGEST_STEP_S = 0.2
"""After a longer gap between measurements the filter restarts."""
FARTHEST_M = 20.0
"""A tracker that reports a greater distance than this has lost its calibration."""


class TrackingError(ConfigError):
    """A source that cannot be used as configured."""


@dataclass(frozen=True, slots=True)
class HeadPose:
    """One measurement in the tracker's own axes."""

    time_s: float
    """Monotonic clock of this machine at arrival, seconds."""
    position_m: Vector3
    quaternion: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    """x, y, z, w of the body's rotation."""


class HeadReader(Protocol):
    """A source of head poses. Reading never blocks."""

    def newest(self) -> HeadPose | None:
        """The newest pose, or None before the first."""
        ...

    def close(self) -> None:
        """Stop reading; safe to call twice."""
        ...


@dataclass(frozen=True, slots=True)
class FilterState:
    """Place and speed of the eye as the filter has them."""

    time_s: float
    position_m: Vector3
    velocity_mps: Vector3 = (0.0, 0.0, 0.0)


def is_sound(pose: HeadPose) -> bool:
    """Whether a measurement can be one: finite, within reach, a quaternion of length one."""
    numbers = (*pose.position_m, *pose.quaternion)
    if not all(math.isfinite(number) for number in numbers):
        return False
    length = math.sqrt(sum(number**2 for number in pose.quaternion))
    return max(abs(number) for number in pose.position_m) < FARTHEST_M and abs(length - 1.0) < 0.05


def axes_matrix(axes: tuple[str, str, str]) -> NDArray[np.float64]:
    """(3, 3) that takes the tracker's coordinates to the rig's forward, right, up."""
    matrix = np.zeros((3, 3))
    for row, axis in enumerate(axes):
        matrix[row, "xyz".index(axis[-1])] = -1.0 if axis.startswith("-") else 1.0
    return matrix


def rotated(quaternion: tuple[float, float, float, float], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """A vector turned by a unit quaternion x, y, z, w."""
    axis, w = np.array(quaternion[:3]), quaternion[3]
    twice = 2.0 * np.cross(axis, vector)
    return vector + w * twice + np.cross(axis, twice)


def eye_in_rig(pose: HeadPose, head: HeadTracking) -> Vector3:
    """The eye of a measured pose in the rig frame, metres."""
    to_rig = axes_matrix(head.axes)
    offset = rotated(pose.quaternion, to_rig.T @ np.array(head.eye_in_body_m))
    x, y, z = to_rig @ (np.array(pose.position_m) + offset) + np.array(head.origin_m)
    return float(x), float(y), float(z)


def filtered(state: FilterState | None, time_s: float, measured_m: Vector3) -> FilterState:
    """The filter's next state from one measurement."""
    step_s = 0.0 if state is None else time_s - state.time_s
    if state is None or step_s <= 0.0 or step_s > LONGEST_STEP_S:
        return state if state is not None and step_s <= 0.0 else FilterState(time_s, measured_m)
    ahead = np.array(state.position_m) + step_s * np.array(state.velocity_mps)
    miss = np.array(measured_m) - ahead
    place, speed = ahead + ALPHA * miss, np.array(state.velocity_mps) + BETA / step_s * miss
    return FilterState(time_s, _tuple(place), _tuple(speed))


def predicted(state: FilterState, time_s: float, longest_s: float) -> Vector3:
    """Where the eye is at `time_s`, at most `longest_s` beyond the last measurement."""
    step_s = min(max(time_s - state.time_s, 0.0), longest_s)
    return _tuple(np.array(state.position_m) + step_s * np.array(state.velocity_mps))


def within(eye_m: Vector3, rest_m: Vector3, reach_m: Vector3) -> Vector3:
    """The eye, held inside the box that the cameras cover."""
    return _tuple(np.clip(eye_m, np.subtract(rest_m, reach_m), np.add(rest_m, reach_m)))


def _tuple(vector: NDArray[np.float64]) -> Vector3:
    return float(vector[0]), float(vector[1]), float(vector[2])
