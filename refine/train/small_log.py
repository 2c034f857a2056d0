"""The course of a training of the small policy as CSV: one row every few steps, a fuller one at each validation."""

from __future__ import annotations

import csv
from dataclasses import asdict, fields
from pathlib import Path

from refine.train.small_sft import TrainingStep
from refine.train.small_validation import Validation

EVERY = 50
COLUMNS = ("step", "loss", "learning_rate", *(field.name for field in fields(Validation)))


class TrainingLog:
    """Appends to a file, whose header is written once; losses are means since the row before."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._losses: list[float] = []

    def add(self, step: TrainingStep) -> None:
        """Take one step's report."""
        self._losses.append(step.loss)
        if step.step % EVERY and step.validation is None:
            return
        row: dict[str, float] = {
            "step": step.step,
            "loss": round(sum(self._losses) / len(self._losses), 4),
            "learning_rate": round(step.learning_rate, 7),
        }
        if step.validation is not None:
            row |= {name: round(value, 4) for name, value in asdict(step.validation).items()}
        self._losses = []
        is_new = not self._file.exists()
        with self._file.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            if is_new:
                writer.writeheader()
            writer.writerow(row)
