"""What a policy is asked from: its pictures, the ego's motion and the route, made by one function from ticks.

The session makes it from the ticks it has just had, `refine` from the ticks of a recording: the same function, so a
model is trained on what it will see. Its words are here too. Numbers in them are rounded to what matters for driving,
so that a small model sees each often in training, and the text is short because all of it is read again every frame.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from policy.control.geometry import ego_from_world
from policy.vla.checkpoint import CameraSettings, HistorySettings, PolicySettings
from recorder.schema import EventKind, RouteCommand, Tick

SPEED_STEP_MPS = 0.5
MAX_SPEED_MPS = 40.0
DISTANCE_STEPS_M = (0, 2, 4, 6, 8, 10, 15, 20, 25, 30)
"""Distances to a manoeuvre that the prompt distinguishes: finely where the turn is about to begin."""
KMH_STEP = 5
"""Speed limits are given in km/h, as the signs have them."""
TARGET_STEP_M = 0.5
MAX_TARGET_M = 80.0
"""Routes are known that far ahead."""
_LATE_S = 1e-3
"""A tick counts for a moment of the past that it misses by no more than this."""

COMMAND_WORDS = {
    RouteCommand.LANE_FOLLOW: "follow lane",
    RouteCommand.LEFT: "turn left",
    RouteCommand.RIGHT: "turn right",
    RouteCommand.STRAIGHT: "go straight",
    RouteCommand.CHANGE_LANE_LEFT: "change left",
    RouteCommand.CHANGE_LANE_RIGHT: "change right",
}


class ObservationError(ValueError):
    """A tick lacks what a policy must be shown; the message says what."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a policy knows when it is asked."""

    frame: int
    """Of the newest tick."""
    time_s: float
    pictures: Mapping[str, NDArray[np.uint8]]
    """By camera, in the settings' order: (K, H, W, 3) RGB at the camera's own size, the newest last."""
    speed_mps: float
    acceleration_mps2: tuple[float, float]
    """Forward and to the right."""
    motion_ego: NDArray[np.float32]
    """(P, 3) x, y, yaw of earlier poses of the ego in its present frame, the oldest first."""
    speed_limit_mps: float
    command: RouteCommand
    command_distance_m: float
    """To where the manoeuvre begins: 0 within it, inf when none lies ahead."""
    targets_ego: NDArray[np.float32]
    """(T, 2) x, y of the route's target points in the ego frame."""

    @property
    def images(self) -> list[NDArray[np.uint8]]:
        """Every picture, (H, W, 3) each, in the order in which the model is shown them."""
        return [picture for history in self.pictures.values() for picture in history]


@dataclass(frozen=True, slots=True)
class Past:
    """Which ticks an observation is made from."""

    rows: tuple[int, ...]
    """The oldest first, the newest tick itself last."""
    is_whole: bool
    """Whether the ticks go back far enough. Where they do not, the first of them stands for what came before it."""


def past_of(times_s: Sequence[float], restarts: Sequence[bool], history: HistorySettings) -> Past:
    """The past of the last of some ticks, whose times these are.

    What was before a restart (`is_restart`) is no past: the first tick after it stands for that in every recording too.
    """
    restart = max((row for row, is_one in enumerate(restarts) if is_one), default=None)
    first = restart or 0
    count = max(history.pictures - 1, history.poses)
    moments_s = [times_s[-1] - back * history.step_s for back in range(count, -1, -1)]
    rows = [bisect.bisect_right(times_s, moment_s + _LATE_S, lo=first) - 1 for moment_s in moments_s]
    return Past(tuple(max(row, first) for row in rows), restart is not None or rows[0] >= 0)


def observation_at(ticks: Sequence[Tick], settings: PolicySettings) -> Observation:
    """The observation of the last of these ticks, the others being its past. Raises `ObservationError` as `observe`."""
    past = past_of([tick.time_s for tick in ticks], [is_restart(tick) for tick in ticks], settings.history)
    return observe([ticks[row] for row in past.rows], settings)


def observe(ticks: Sequence[Tick], settings: PolicySettings) -> Observation:
    """The observation of `ticks[-1]`; `ticks` are those that `past_of` chooses.

    Raises:
        ObservationError: a picture that the policy needs is missing.

    """
    now, ego, route = ticks[-1], ticks[-1].ego, ticks[-1].route
    forward, right = math.cos(ego.pose.yaw), math.sin(ego.pose.yaw)
    ax, ay, _ = ego.acceleration_mps2
    shown, poses = ticks[len(ticks) - settings.history.pictures :], settings.history.poses
    past = [[tick.ego.pose.x, tick.ego.pose.y, tick.ego.pose.yaw] for tick in ticks[len(ticks) - 1 - poses : -1]]
    return Observation(
        frame=now.frame,
        time_s=now.time_s,
        pictures={
            name: np.stack([_picture(tick, name, camera) for tick in shown])
            for name, camera in settings.cameras.items()
        },
        speed_mps=ego.speed_mps,
        acceleration_mps2=(forward * ax + right * ay, forward * ay - right * ax),
        motion_ego=ego_from_world(np.array(past, np.float64).reshape(-1, 3), ego.pose).astype(np.float32),
        speed_limit_mps=route.speed_limit_mps,
        command=route.command,
        command_distance_m=route.command_distance_m,
        targets_ego=_targets(now, settings.target_distances_m),
    )


def is_restart(tick: Tick) -> bool:
    """Whether the scene was set back to this tick, so that what was before is not its past."""
    return any(event.kind is EventKind.REWIND for event in tick.events)


def resized(image_rgb: NDArray[np.uint8], camera: CameraSettings) -> NDArray[np.uint8]:
    """The picture (H, W, 3) at the size of the policy's camera. Raises ValueError for anything but uint8 RGB."""
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
        raise ValueError(f"the picture must be (H, W, 3) uint8 RGB, it is {image_rgb.shape} {image_rgb.dtype}")
    if image_rgb.shape[:2] == (camera.height, camera.width):
        return image_rgb
    return np.asarray(cv2.resize(image_rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA), np.uint8)


def _picture(tick: Tick, name: str, camera: CameraSettings) -> NDArray[np.uint8]:
    if name not in tick.cameras:
        raise ObservationError(f"tick {tick.frame} has no picture of camera '{name}'")
    return resized(tick.cameras[name].image, camera)


def _targets(tick: Tick, distances_m: Sequence[float]) -> NDArray[np.float32]:
    """Points of the route so far ahead; beyond its end, its end."""
    ahead = tick.route.ahead_world
    rows = [min(round(distance), len(ahead) - 1) for distance in distances_m]
    points = np.asarray(ahead[rows, :2], np.float64).reshape(-1, 2)
    return ego_from_world(points, tick.ego.pose).astype(np.float32)


def prompt_of(observation: Observation) -> str:
    """The user's words for an observation."""
    return prompt_text(
        observation.speed_mps,
        observation.command,
        observation.command_distance_m,
        observation.speed_limit_mps,
        observation.targets_ego.tolist(),
    )


def prompt_text(
    speed_mps: float,
    command: RouteCommand,
    command_distance_m: float,
    speed_limit_mps: float = math.inf,
    targets_ego: Sequence[Sequence[float]] = (),
) -> str:
    """E.g. ``Speed 7.5 m/s, limit 30. Route: turn left in 10 m, by (10.0, 0.5) (18.5, -6.0).``; see `Observation`."""
    speed = min(round(max(speed_mps, 0.0) / SPEED_STEP_MPS) * SPEED_STEP_MPS, MAX_SPEED_MPS)
    words = f"Speed {speed:.1f} m/s"
    if 0 < speed_limit_mps < math.inf:
        words += f", limit {KMH_STEP * max(1, round(speed_limit_mps * 3.6 / KMH_STEP))}"
    words += f". Route: {COMMAND_WORDS[command]}{_distance_words(command, command_distance_m)}"
    targets = " ".join(f"({_metres(x)}, {_metres(y)})" for x, y in targets_ego)
    return f"{words}, by {targets}." if targets else f"{words}."


def messages(text: str, pictures: int = 1) -> list[dict[str, Any]]:
    """The chat with its image parts and the prompt's text, as `apply_chat_template` and TRL take it."""
    return [{"role": "user", "content": [*[{"type": "image"}] * pictures, {"type": "text", "text": text}]}]


def all_prompts() -> list[str]:
    """Texts with every number and word that can occur: what the small tokenizer is trained on."""
    speeds = [index * SPEED_STEP_MPS for index in range(int(MAX_SPEED_MPS / SPEED_STEP_MPS) + 1)]
    texts = [prompt_text(speed, RouteCommand.LANE_FOLLOW, math.inf) for speed in speeds]
    texts += [prompt_text(0.0, RouteCommand.LANE_FOLLOW, math.inf, limit / 3.6) for limit in range(5, 135, 5)]
    texts += [prompt_text(0.0, command, distance) for command in RouteCommand for distance in DISTANCE_STEPS_M]
    metres = [index * TARGET_STEP_M for index in range(int(MAX_TARGET_M / TARGET_STEP_M) + 1)]
    return texts + [prompt_text(0.0, RouteCommand.LEFT, 0.0, targets_ego=[(x, -x), (-x, x)]) for x in metres]


def _distance_words(command: RouteCommand, distance_m: float) -> str:
    if command is RouteCommand.LANE_FOLLOW or not math.isfinite(distance_m):
        return ""
    nearest = min(DISTANCE_STEPS_M, key=lambda step: abs(step - distance_m))
    return " now" if nearest == 0 else f" in {nearest} m"


def _metres(value: float) -> str:
    steps = round(min(max(value, -MAX_TARGET_M), MAX_TARGET_M) / TARGET_STEP_M)
    return f"{steps * TARGET_STEP_M:.1f}"
