"""The folder of a pairs data set: its columns, its card of counts, and how it is written whole or not at all.

`refine.data.pairs` makes the rows; docs/recording.md lists the columns.
"""

from __future__ import annotations

import enum
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from refine.errors import RefineError

CARD_FILE = "pairs.json"


class PairKind(enum.StrEnum):
    """Where a pair's preference comes from."""

    TAKEOVER = "takeover"
    """What was driven in a takeover, preferred over the policy's answer."""
    ORDINARY = "ordinary"
    """What the policy drove where nobody had to intervene, preferred over a takeover's driving at that speed."""


@dataclass(frozen=True)
class PairsSummary:
    """What `build_pairs` made, and what it left out; also in `pairs.json` beside the data."""

    folder: str
    pairs: int
    """All of them."""
    sessions: int
    segments: int
    unreadable_segments: int
    decision_steps: int
    """Frames with a policy's answer in all segments; each became a takeover pair or was skipped."""
    ordinary_pairs: int = 0
    """Pairs from driving that needed no takeover."""
    skipped: dict[str, int] = field(default_factory=dict)
    """By reason (`refine.data.preference.Skip`)."""
    by_driver: dict[str, int] = field(default_factory=dict)
    by_reason: dict[str, int] = field(default_factory=dict)
    by_note: dict[str, int] = field(default_factory=dict)
    mean_displacement_m: float = 0.0
    policy: str = ""
    policy_sha256: str = ""
    config: dict[str, float] = field(default_factory=dict)


def read_card(folder: Path | str) -> PairsSummary:
    """The card of a pairs data set. Raises RefineError when `folder` holds none."""
    path = Path(folder) / CARD_FILE
    try:
        return PairsSummary(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RefineError(f"{folder} is no folder of pairs: {error}; make one with `takeover pairs build`") from error


def _features() -> Any:
    from datasets import Features, List, Value
    from datasets import Image as ImageFeature

    part = {"type": Value("string"), "text": Value("string")}
    chat = List({"role": Value("string"), "content": List(part)})
    numbers = ("displacement_m", "human_share", "time_s", "since_takeover_s", "speed_mps")
    texts = ("kind", "session", "session_folder", "segment", "driver", "reason", "note", "command")
    trajectories = ("chosen_trajectory", "rejected_trajectory", "driven_trajectory")
    return Features(
        {
            "images": List(ImageFeature()),
            **dict.fromkeys(("prompt", "chosen", "rejected"), chat),
            **dict.fromkeys(texts, Value("string")),
            "frame": Value("int64"),
            **dict.fromkeys(numbers, Value("float64")),
            **dict.fromkeys(("chosen_tokens", "rejected_tokens"), List(Value("int64"))),
            **dict.fromkeys(trajectories, List(List(Value("float32")))),
        }
    )


def write_pairs(out: Path, rows: Sequence[dict[str, Any]], summary: PairsSummary) -> None:
    """Write the data set with its card to `out`, the whole folder or none. Raises RefineError."""
    from datasets import Dataset
    from datasets.utils import logging as datasets_logging

    part = out.with_name(f".{out.name}.partial")
    shutil.rmtree(part, ignore_errors=True)
    datasets_logging.disable_progress_bar()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_list(list(rows), features=_features()).save_to_disk(str(part))
        (part / CARD_FILE).write_text(json.dumps(asdict(summary), indent=2) + "\n", encoding="utf-8")
        (part / "README.md").write_text(_card_text(summary), encoding="utf-8")
        if out.exists():
            out.rmdir()
        part.rename(out)
    except OSError as error:
        raise RefineError(f"the pairs cannot be written to {out}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _card_text(summary: PairsSummary) -> str:
    """The data set's card: what is in it, in words."""
    rows = [("pairs", summary.pairs), ("of them from ordinary driving", summary.ordinary_pairs)]
    rows += [("segments", summary.segments), ("decision steps", summary.decision_steps)]
    rows += [(f"skipped: {reason.replace('_', ' ')}", count) for reason, count in summary.skipped.items()]
    rows += [(f"driver: {name}", count) for name, count in summary.by_driver.items()]
    rows += [(f"takeover: {name}", count) for name, count in summary.by_reason.items()]
    rows += [(f"note: {name}", count) for name, count in summary.by_note.items()]
    table = "\n".join(f"| {name} | {count} |" for name, count in rows)
    return (
        "---\ntags: [preference, driving]\n---\n\n# Preference pairs from takeovers\n\n"
        f"Chosen is what was driven in the seconds after a frame, rejected is what the policy `{summary.policy}` "
        f"(sha256 {summary.policy_sha256[:12]}) answered to that frame; mean distance between the two "
        f"{summary.mean_displacement_m:.2f} m. In pairs of kind `ordinary` chosen is what the policy drove without "
        "anyone having to intervene, rejected what a takeover did elsewhere at about that speed.\n\n"
        f"| what | count |\n| --- | --- |\n{table}\n"
    )
