"""What every dialect does: put an observation into words, hold a model to a grammar, make a path of its answer.

A dialect knows no model and no simulator. `policy.vla.model` reads its questions, `policy.serving` sends its words, and
`refine` teaches its answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from policy.vla.checkpoint import PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.observation import Observation, messages, prompt_of
from recorder.schema import Direction, RouteCommand, SpeedAction

if TYPE_CHECKING:
    from policy.vla.writer import Writer


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a model said: the content of an answer, whatever the words."""

    direction: Direction | None
    speed: SpeedAction | None
    tokens: tuple[int, ...]
    """One code a step; none in a dialect without codes."""
    reasoning: str = ""
    """What it thought before; empty when it decided at once."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of the road and the ego where an answer is turned into a path; all in the ego frame."""

    time_s: float
    speed_mps: float
    speed_limit_mps: float
    command: RouteCommand
    route_ego: NDArray[np.float64]
    """(T, 2) the route's target points."""

    @classmethod
    def of(cls, observation: Observation) -> Situation:
        """Of an observation."""
        return cls(
            observation.time_s,
            observation.speed_mps,
            observation.speed_limit_mps,
            observation.command,
            np.asarray(observation.targets_ego, np.float64),
        )

    def to_header(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "time_s": self.time_s,
            "speed_mps": self.speed_mps,
            "speed_limit_mps": self.speed_limit_mps,
            "command": self.command.value,
            "route_ego": self.route_ego.tolist(),
        }

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Situation:
        """What `to_header` wrote."""
        route = np.array(header["route_ego"], np.float64).reshape(-1, 2)
        return cls(
            header["time_s"], header["speed_mps"], header["speed_limit_mps"], RouteCommand(header["command"]), route
        )


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that holds for a while (`Dialect.period_s`): what was said, how surely, and in which situation."""

    text: str
    confidence: float
    entropy: float
    situation: Situation

    def holds_in(self, situation: Situation, period_s: float) -> bool:
        """Whether it is still the answer; not once the scene was set back before it."""
        return 0.0 <= situation.time_s - self.situation.time_s < period_s - 1e-6

    def to_header(self) -> dict[str, Any]:
        """As JSON values."""
        said = {"text": self.text, "confidence": self.confidence, "entropy": self.entropy}
        return {**said, "situation": self.situation.to_header()}

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Held:
        """What `to_header` wrote."""
        return cls(**{**header, "situation": Situation.from_header(header["situation"])})


class Dialect(ABC):
    """One way of asking and answering."""

    period_s: float = 0.0
    """An answer holds for so long; 0 asks anew for every frame."""
    has_codes = True
    """Whether its answers hold action tokens."""
    shows_videos = False
    """Whether its questions hold videos, which TRL's trainers do not pass on to our processor."""

    def __init__(self, settings: PolicySettings) -> None:
        self.settings = settings

    def prompt(self, observation: Observation) -> str:
        """The user's words for an observation, as they are recorded."""
        return prompt_of(observation)

    def messages(self, prompt: str) -> list[dict[str, Any]]:
        """The chat around the prompt, with a part for each picture, as `apply_chat_template` and TRL take it."""
        return messages(prompt, self.settings.picture_count)

    def inputs(self, processor: Any, images_rgb: Sequence[NDArray[np.uint8]], prompt: str) -> Any:
        """The question as the model reads it (a batch of one)."""
        text = processor.apply_chat_template(self.messages(prompt), tokenize=False, add_generation_prompt=True)
        return processor(text=[text], images=list(images_rgb), return_tensors="pt")

    @abstractmethod
    def write(self, writer: Writer) -> Spoken:
        """Have the model write an answer, held to the grammar."""

    @abstractmethod
    def format(self, spoken: Spoken) -> str:
        """The answer's text."""

    @abstractmethod
    def parse(self, text: str) -> Spoken:
        """What an answer's text says; raises `policy.vla.answer.AnswerError` for anything that is no answer."""

    def path(
        self,
        spoken: Spoken,
        codebook: Codebook,
        situation: Situation,  # noqa: ARG002 - for dialects that name a manoeuvre
        decided: Situation | None = None,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """(T, 3) x, y, yaw in the ego frame after each step. Raises `CodebookError` for an unknown token.

        `decided` is the situation that the answer was given to, where that is an earlier one (`period_s`).
        """
        return codebook.decode(spoken.tokens)

    @abstractmethod
    def spoken_of(
        self, path_ego: NDArray[np.floating], codebook: Codebook, speed_mps: float, command: RouteCommand
    ) -> Spoken:
        """The answer that says what was driven, (T, 3) in the ego frame: what the model is taught."""
