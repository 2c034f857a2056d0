"""Where the policy's planned path lies on a screen: pure geometry, from a plan to a ribbon of screen pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cockpit.rig.projection import ScreenView, screen_pixels
from recorder.schema import Plan, Pose

HALF_WIDTH_M = 0.9
"""About half a car: the ribbon is what the car will cover."""
NEAREST_M = 2.6
"""Nearer to the ego's middle than this lies the bonnet."""
SAMPLES = 36


def plan_in_ego(plan: Plan, pose_at_plan: Pose, pose_now: Pose) -> NDArray[np.float64]:
    """The plan's trajectory, (T + 1, 2) x, y with its start, in the ego frame of `pose_now`."""
    points = np.vstack([[0.0, 0.0], np.asarray(plan.trajectory_ego, dtype=float)[:, :2]])
    world = points @ _rotation(pose_at_plan.yaw).T + (pose_at_plan.x, pose_at_plan.y)
    return (world - (pose_now.x, pose_now.y)) @ _rotation(pose_now.yaw)


def ribbon_pixels(view: ScreenView, path_ego: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, 2, 2) left and right border of the path on the road, in screen pixels; empty when none of it is ahead.

    `path_ego` is (N, 2) x, y in the present ego frame; the road is taken to be flat under the car.
    """
    smooth = _smoothed(path_ego)
    smooth = smooth[smooth[:, 0] > NEAREST_M]
    if len(smooth) < 2:
        return np.zeros((0, 2, 2))
    along = np.gradient(smooth, axis=0)
    length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    across = np.c_[-along[:, 1], along[:, 0]] / length * HALF_WIDTH_M
    borders = np.stack([smooth - across, smooth + across], axis=1)  # (S, 2 borders, 2)
    ground = np.concatenate([borders, np.zeros((len(smooth), 2, 1))], axis=2)
    pixels = screen_pixels(view, ground.reshape(-1, 3)).reshape(-1, 2, 2)
    return pixels[np.isfinite(pixels).all(axis=(1, 2))]


def _smoothed(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """The path sampled evenly along its length by Catmull-Rom pieces; short paths come back as they are."""
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    path = path[np.concatenate([[True], steps > 0.05])]
    if len(path) < 3:
        return path
    padded = np.vstack([2 * path[0] - path[1], path, 2 * path[-1] - path[-2]])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    samples = np.linspace(0.0, lengths[-1], SAMPLES)
    piece = np.clip(np.searchsorted(lengths, samples, side="right") - 1, 0, len(path) - 2)
    t = ((samples - lengths[piece]) / (lengths[piece + 1] - lengths[piece]))[:, None]
    p0, p1, p2, p3 = (padded[piece + offset] for offset in range(4))
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)


def _rotation(yaw_rad: float) -> NDArray[np.float64]:
    """Ego axes as columns, so that `points @ R.T` goes to the world and `points @ R` comes back."""
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[cosine, -sine], [sine, cosine]])
