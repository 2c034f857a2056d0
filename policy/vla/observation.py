"""The question the policy is asked in every frame: one picture, how fast the car is, where the route goes.

Numbers are rounded to what matters for driving, so that a small model sees each often in training, and the text is
short because all of it is read again for every frame.
"""

from __future__ import annotations

import math
from typing import Any

from recorder.schema import RouteCommand, Tick

SPEED_STEP_MPS = 0.5
MAX_SPEED_MPS = 40.0
DISTANCE_STEPS_M = (0, 2, 4, 6, 8, 10, 15, 20, 25, 30)
"""Distances to a manoeuvre that the prompt distinguishes: finely where the turn is about to begin."""
KMH_STEP = 5
"""Speed limits are given in km/h, as the signs have them."""

COMMAND_WORDS = {
    RouteCommand.LANE_FOLLOW: "follow lane",
    RouteCommand.LEFT: "turn left",
    RouteCommand.RIGHT: "turn right",
    RouteCommand.STRAIGHT: "go straight",
    RouteCommand.CHANGE_LANE_LEFT: "change left",
    RouteCommand.CHANGE_LANE_RIGHT: "change right",
}


def prompt_text(
    speed_mps: float, command: RouteCommand, command_distance_m: float, speed_limit_mps: float | None = None
) -> str:
    """The user's words, e.g. ``Speed 7.5 m/s, limit 30. Route: turn left in 10 m.``

    `command_distance_m` is the distance to where the manoeuvre begins: 0 within it, inf when none lies ahead.
    """
    speed = min(round(max(speed_mps, 0.0) / SPEED_STEP_MPS) * SPEED_STEP_MPS, MAX_SPEED_MPS)
    words = f"Speed {speed:.1f} m/s"
    if speed_limit_mps is not None and 0 < speed_limit_mps < math.inf:
        words += f", limit {KMH_STEP * max(1, round(speed_limit_mps * 3.6 / KMH_STEP))}"
    return f"{words}. Route: {COMMAND_WORDS[command]}{_distance_words(command, command_distance_m)}."


def prompt_from_tick(tick: Tick) -> str:
    """The prompt for one tick."""
    route = tick.route
    return prompt_text(tick.ego.speed_mps, route.command, route.command_distance_m, route.speed_limit_mps)


def messages(prompt: str) -> list[dict[str, Any]]:
    """The chat with one image part and the prompt, as `apply_chat_template` and TRL take it."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]


def all_prompts() -> list[str]:
    """One prompt for every number and word that can occur: what the small tokenizer is trained on."""
    speeds = [index * SPEED_STEP_MPS for index in range(int(MAX_SPEED_MPS / SPEED_STEP_MPS) + 1)]
    prompts = [prompt_text(speed, RouteCommand.LANE_FOLLOW, math.inf) for speed in speeds]
    prompts += [prompt_text(0.0, RouteCommand.LANE_FOLLOW, math.inf, limit / 3.6) for limit in range(5, 135, 5)]
    prompts += [prompt_text(0.0, command, distance) for command in RouteCommand for distance in DISTANCE_STEPS_M]
    return prompts


def _distance_words(command: RouteCommand, distance_m: float) -> str:
    if command is RouteCommand.LANE_FOLLOW or not math.isfinite(distance_m):
        return ""
    nearest = min(DISTANCE_STEPS_M, key=lambda step: abs(step - distance_m))
    return " now" if nearest == 0 else f" in {nearest} m"
