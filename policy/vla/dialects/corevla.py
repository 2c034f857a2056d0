"""CoReVLA's dialect (github.com/FanGShiYuu/CoReVLA): a question of behaviour, answered with two keys once a second.

Speed and command are told and the keys asked for in the words of its `bench2drive_files/qa_process.py` (question 50).
Its closed loop asks questions about other vehicles before, with their positions from the simulator; these are left
out, for a policy here sees what its camera sees. `policy.control.keys` turns the keys into a path along the route.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from policy.control.keys import Decision, lanes_beside, path_of_keys
from policy.vla.answer import AnswerError
from policy.vla.codebook import Codebook
from policy.vla.dialects.dialect import Dialect, Situation, Spoken
from policy.vla.labels import meta_action
from policy.vla.observation import Observation
from recorder.schema import Direction, RouteCommand, SpeedAction

if TYPE_CHECKING:
    from policy.vla.writer import Writer

COMMANDS = {
    RouteCommand.LANE_FOLLOW: "follow the road",
    RouteCommand.LEFT: "turn left at the intersection",
    RouteCommand.RIGHT: "turns right at the intersection",
    RouteCommand.STRAIGHT: "drive straight at the intersection",
    RouteCommand.CHANGE_LANE_LEFT: "do a lane change to the left",
    RouteCommand.CHANGE_LANE_RIGHT: "do a lane change to the right",
}
"""In its words, which its model was trained on; one of them is spelt that way there."""
COMMAND_FROM_M = 20.0
"""A command further ahead than this is not told yet."""
_QUESTION = (
    "Provide the appropriate behaviour for the ego vehicle,"
    "Final output must consist of two keys:"
    "Direction key: 'FOLLOW_LANE'/'CHANGE_LANE_LEFT'/'CHANGE_LANE_RIGHT' (road navigation),"
    "'GO_STRAIGHT'/'TURN_LEFT'/'TURN_RIGHT' (junction navigation),"
    "'DEVIATE_LEFT'/'DEVIATE_RIGHT' (lane position adjustment)."
    "Speed key: 'KEEP'/'ACCELERATE'/'DECELERATE'/'STOP'."
    "MUST provide Direction and Speed Keys AT THE END. for example: Direction: FOLLOW_LANE, Speed Keys: KEEP "
    "(Speed key must choose from 'KEEP'/'ACCELERATE'/'DECELERATE'/'STOP')"
)
_KEYS = "Direction:"
ENDS = {
    f" {direction.value}, Speed Keys: {speed.value}": (direction, speed)
    for direction, speed in product(Direction, SpeedAction)
}
"""What may follow ``Direction:``."""


class CoreVla(Dialect):
    """``… Direction: FOLLOW_LANE, Speed Keys: KEEP``."""

    period_s = 1.0
    has_codes = False

    def prompt(self, observation: Observation) -> str:
        """Speed, command and question."""
        near = observation.command_distance_m <= COMMAND_FROM_M
        command = observation.command if near else RouteCommand.LANE_FOLLOW
        speed = f"The ego vehicle is driving at the speed of {observation.speed_mps:.1f} m/s"
        return f"{speed}, and it wants to {COMMANDS[command]}. {_QUESTION}"

    def write(self, writer: Writer) -> Spoken:
        """What the model thinks, and then the keys."""
        reasoning = ""
        if self.settings.reasoning_tokens:
            reasoning = writer.free(self.settings.reasoning_tokens, _KEYS, " ").strip()
        else:
            writer.forced(_KEYS)
        direction, speed = ENDS[writer.one_of(list(ENDS))]
        return Spoken(direction, speed, (), reasoning)

    def format(self, spoken: Spoken) -> str:
        """The text; raises ValueError where a key is missing, for tokens, and for reasoning that holds a key's name."""
        if spoken.direction is None or spoken.speed is None or spoken.tokens or _KEYS in spoken.reasoning:
            raise ValueError(f"{spoken} cannot be said in the dialect 'corevla': it has two keys, named once")
        keys = f"{_KEYS} {spoken.direction.value}, Speed Keys: {spoken.speed.value}"
        return f"{spoken.reasoning} {keys}" if spoken.reasoning else keys

    def parse(self, text: str) -> Spoken:
        """What the text says; raises AnswerError."""
        reasoning, found, keys = text.partition(_KEYS)
        if not found or keys not in ENDS:
            raise AnswerError(f"not an answer of CoReVLA (… Direction: KEY, Speed Keys: KEY): {text[-120:]!r}")
        return Spoken(*ENDS[keys], (), reasoning.strip())

    def path(
        self,
        spoken: Spoken,
        codebook: Codebook,  # noqa: ARG002 - it has no codes
        situation: Situation,
        decided: Situation | None = None,
    ) -> NDArray[np.float32]:
        """(T, 3) the path of the keys that were chosen in the situation `decided`; ValueError without a route."""
        if spoken.direction is None or spoken.speed is None:
            raise ValueError("a path is made of two keys")
        then = decided or situation
        age_s = situation.time_s - then.time_s
        decision = Decision(spoken.direction, spoken.speed, then.speed_mps, lanes_beside(then.route_ego), age_s)
        now = situation
        horizon, step_s = self.settings.horizon, self.settings.step_s
        return path_of_keys(decision, now.route_ego, now.speed_mps, now.speed_limit_mps, horizon, step_s)

    def spoken_of(
        self,
        path_ego: NDArray[np.floating],
        codebook: Codebook,  # noqa: ARG002 - it has no codes
        speed_mps: float,
        command: RouteCommand,
    ) -> Spoken:
        """The keys of what was driven."""
        direction, speed = meta_action(path_ego, speed_mps, command, self.settings.step_s)
        return Spoken(direction, speed, ())
