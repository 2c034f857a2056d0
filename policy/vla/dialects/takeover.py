"""Our own dialect: a meta-action in two lines and one action token a step, and before them a line of reasoning or none.

Where `reasoning_tokens` in `policy.json` is above 0 the model chooses by its first word: it decides at once (fast
thinking), or it first writes one line that begins with ``Because:`` (slow thinking). With 0 it always decides at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from policy.vla.answer import AnswerError, format_answer, parse_answer
from policy.vla.checkpoint import PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.dialects.dialect import Dialect, Spoken
from policy.vla.labels import meta_action
from recorder.schema import Direction, RouteCommand, SpeedAction

if TYPE_CHECKING:
    from policy.vla.writer import Writer

BECAUSE = "Because:"
_END = "\n"
HEADERS = {
    format_answer(direction, speed, ()): (direction, speed) for direction, speed in product(Direction, SpeedAction)
}
"""Every pair of lines."""


class Takeover(Dialect):
    """``Direction: …``, ``Speed: …``, ``<act_…>…``."""

    def __init__(self, settings: PolicySettings) -> None:
        super().__init__(settings)
        self._beginnings: Sequence[str] = [*HEADERS, BECAUSE] if settings.reasoning_tokens else list(HEADERS)

    def write(self, writer: Writer) -> Spoken:
        """Both lines and the tokens; before them a line of reasoning where the model wants one."""
        header, reasoning = writer.one_of(self._beginnings), ""
        if header == BECAUSE:
            reasoning = writer.free(self.settings.reasoning_tokens, _END).strip()
            header = writer.one_of(list(HEADERS))
        direction, speed = HEADERS[header]
        return Spoken(direction, speed, writer.actions(self.settings.horizon), reasoning)

    def format(self, spoken: Spoken) -> str:
        """The text; raises ValueError for reasoning of several lines, and without a meta-action."""
        if spoken.direction is None or spoken.speed is None or _END in spoken.reasoning:
            raise ValueError(f"{spoken} cannot be said in the dialect 'takeover': it has two keys and one line")
        because = f"{BECAUSE} {spoken.reasoning}{_END}" if spoken.reasoning else ""
        return because + format_answer(spoken.direction, spoken.speed, spoken.tokens)

    def parse(self, text: str) -> Spoken:
        """What the text says; raises AnswerError."""
        reasoning, rest = "", text
        if text.startswith(BECAUSE):
            if not self.settings.reasoning_tokens:
                raise AnswerError(f"this policy does not reason, and its answer does: {text[:80]!r}")
            line, _, rest = text.partition(_END)
            reasoning = line.removeprefix(BECAUSE).strip()
        answer = parse_answer(rest, self.settings.horizon)
        return Spoken(answer.direction, answer.speed, answer.tokens, reasoning)

    def spoken_of(
        self, path_ego: NDArray[np.floating], codebook: Codebook, speed_mps: float, command: RouteCommand
    ) -> Spoken:
        """The fast answer to what was driven."""
        direction, speed = meta_action(path_ego, speed_mps, command, self.settings.step_s)
        return Spoken(direction, speed, codebook.encode(path_ego))
