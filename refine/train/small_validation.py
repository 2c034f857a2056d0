"""How well the small policy answers held-out samples while it is trained: accuracies of tokens, errors of trajectories.

Uses the forward pass of the training, not the policy's own generation: it runs every few hundred steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from policy.vla.answer import action_token
from policy.vla.model import Vla
from refine.train.lesson import Lesson
from refine.train.small_forward import SmallForward

DIRECTION_AT, SPEED_AT = 1, 4
"""Tokens of the answer's header that are real choices."""
TURN_RAD = 0.15
"""Heading changed within a second from which it is a turn: 5 m/s on a radius of 33 m."""


@dataclass(frozen=True, slots=True)
class Validation:
    """How well held-out samples are answered."""

    token_accuracy: float
    """Share of action tokens that are exactly the label's, each after the label's own tokens."""
    direction_accuracy: float
    speed_accuracy: float
    ade_m: float
    """Mean distance between the generated and the labelled trajectory over all points."""
    fde_m: float
    """The same at the last point."""
    lateral_1s_m: float
    """Median distance across the label's heading after one second: what the steering sees."""
    turn_rms_1s_m: float
    """Root mean square of the same where the label turns by more than `TURN_RAD` in that second."""


@torch.no_grad()
def evaluate(vla: Vla, forward: SmallForward, lesson: Lesson, rows: np.ndarray, batch: int = 48) -> Validation:
    """Accuracies and errors over some rows of a lesson."""
    tokenizer, horizon = vla.processor.tokenizer, vla.settings.horizon
    device = next(vla.model.parameters()).device
    actions = torch.tensor(tokenizer.convert_tokens_to_ids([action_token(i) for i in range(len(vla.codebook))]))
    hits, far = [], []
    for first in range(0, len(rows), batch):
        picked = torch.from_numpy(rows[first : first + batch])
        ids, starts, answer = lesson.ids[picked], lesson.starts[picked], lesson.answer[picked]
        ones = torch.ones(len(picked), 1, 3, device=device)
        seen = forward.see(lesson.images[picked].to(device), ones, torch.zeros_like(ones))
        places = starts[:, None] - 1 + torch.arange(answer.shape[1])
        predicted = forward.read(seen, ids.to(device), places.to(device)).argmax(-1).cpu()
        hits.append((predicted == answer).float().numpy())
        header = answer.shape[1] - horizon - 1
        free = ids.clone()
        row = torch.arange(len(picked))
        for offset in [DIRECTION_AT, SPEED_AT, *range(header, header + horizon)]:
            at = starts - 1 + offset
            scores = forward.read(seen, free.to(device), at[:, None].to(device))[:, 0].cpu()
            choice = actions[scores[:, actions].argmax(-1)] if offset >= header else scores.argmax(-1)
            free[row, at + 1] = choice
        tokens = torch.gather(free, 1, starts[:, None] + header + torch.arange(horizon))
        codes = torch.searchsorted(actions, tokens).numpy()
        driven = np.stack([vla.codebook.decode(tuple(line)) for line in codes])
        far.append(_errors(driven, lesson.trajectory[rows[first : first + batch]]))
    right, error = np.concatenate(hits), np.concatenate(far)
    header = right.shape[1] - horizon - 1
    return Validation(
        token_accuracy=float(right[:, header:-1].mean()),
        direction_accuracy=float(right[:, DIRECTION_AT].mean()),
        speed_accuracy=float(right[:, SPEED_AT].mean()),
        ade_m=float(error[:, 0].mean()),
        fde_m=float(error[:, 1].mean()),
        lateral_1s_m=float(np.median(error[:, 2])),
        turn_rms_1s_m=_rms(error[np.abs(lesson.trajectory[rows, min(1, horizon - 1), 2]) > TURN_RAD, 2]),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")


def _errors(driven: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(N, 3) mean and final distance, and the distance across the label's heading after one second (2 points)."""
    apart = np.linalg.norm(driven[..., :2] - label[..., :2], axis=-1)
    second = min(1, label.shape[1] - 1)
    delta, yaw = (driven - label)[:, second], label[:, second, 2]
    across = np.abs(-np.sin(yaw) * delta[:, 0] + np.cos(yaw) * delta[:, 1])
    return np.stack([apart.mean(1), apart[:, -1], across], axis=1)
