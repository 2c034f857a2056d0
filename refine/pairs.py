"""Recorded takeovers to a Hugging Face data set of preference pairs, as TRL's DPOTrainer takes it.

Reads the segments of sessions, asks `refine.preference` about every frame that the policy answered, and writes the
pairs with where each came from, and a card that counts what became a pair and what did not, and why. The expert's
driving counts as a person's; every pair says who drove. docs/recording.md lists the columns.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from policy.codebook import Codebook
from policy.prompt import messages, prompt_text
from policy.settings import CameraSettings, PolicySettings, check_folder, checkpoint_sha256, read_settings
from recorder.codec import decode_plan, span
from recorder.reader import RecordingError, Segment, read_session, segment_paths
from recorder.schema import Authority, EventKind, Plan, RouteCommand
from refine.errors import RefineError
from refine.preference import Drive, PairConfig, Preference, Skip, judge

log = logging.getLogger(__name__)

POLICY_CAMERA = "front"
CARD_FILE = "pairs.json"
NOTE_TICKS = 20
"""Ticks from a takeover within which its note is looked for."""


@dataclass(frozen=True)
class PairsSummary:
    """What `build_pairs` made, and what it left out; also in `pairs.json` beside the data."""

    folder: str
    pairs: int
    sessions: int
    segments: int
    unreadable_segments: int
    decision_steps: int
    """Frames with a policy's answer in all segments; each became a pair or was skipped."""
    skipped: dict[str, int] = field(default_factory=dict)
    """By reason (`refine.preference.Skip`)."""
    by_driver: dict[str, int] = field(default_factory=dict)
    by_reason: dict[str, int] = field(default_factory=dict)
    by_note: dict[str, int] = field(default_factory=dict)
    mean_displacement_m: float = 0.0
    policy: str = ""
    policy_sha256: str = ""
    config: dict[str, float] = field(default_factory=dict)


def build_pairs(
    session_folders: Iterable[Path | str],
    policy_folder: Path | str,
    out_folder: Path | str,
    *,
    config: PairConfig | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PairsSummary:
    """Write the pairs of all takeovers in these sessions to `out_folder`.

    `policy_folder` gives camera, codebook and horizon. `on_progress(done, all)` counts segments. Raises RefineError
    when no pair can be made or `out_folder` is in use, RecordingError for a folder that is no session, CheckpointError
    and CodebookError for the policy.
    """
    out = Path(out_folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RefineError(f"{out} is in use: write the pairs into a new folder")
    builder = _Builder(Path(policy_folder), config or PairConfig())
    sessions = [Path(folder) for folder in session_folders]
    infos = {folder: read_session(folder) for folder in sessions}
    todo = [(folder, path) for folder in sessions for path in segment_paths(folder)]
    for done, (folder, path) in enumerate(todo):
        builder.add_segment(folder, infos[folder].session_id, path)
        if on_progress:
            on_progress(done + 1, len(todo))
    summary = builder.summary(out, len(sessions))
    if not builder.rows:
        raise RefineError(_no_pairs(summary))
    _write(out, builder.rows, summary)
    return summary


def read_card(folder: Path | str) -> PairsSummary:
    """The card of a pairs data set. Raises RefineError when `folder` holds none."""
    path = Path(folder) / CARD_FILE
    try:
        return PairsSummary(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RefineError(f"{folder} is no folder of pairs: {error}; make one with `takeover pairs build`") from error


class _Builder:
    """Rows of the data set, and counts of everything that became none."""

    def __init__(self, policy_folder: Path, config: PairConfig) -> None:
        self.config = config
        self.settings: PolicySettings = read_settings(check_folder(policy_folder))
        self.codebook = Codebook.load(policy_folder, self.settings.codebook)
        self.policy_sha256 = checkpoint_sha256(policy_folder)
        self.rows: list[dict[str, Any]] = []
        self.skipped: Counter[Skip] = Counter()
        self.segments = 0
        self.unreadable = 0
        self.steps = 0
        self._seen: set[tuple[Path, int]] = set()

    def add_segment(self, session: Path, session_id: str, path: Path) -> None:
        """Judge every decision step of one segment; one that cannot be read is logged and counted."""
        rows: list[dict[str, Any]] = []
        skipped: Counter[Skip] = Counter()
        seen: set[tuple[Path, int]] = set()
        try:
            segment = Segment.open(path)
            drive = drive_of(segment)
            last_s = -np.inf
            for index, plan in plans_by_tick(segment):
                key = (session, plan.frame)
                row = Skip.DUPLICATE if key in self._seen else self._row(segment, drive, index, plan, last_s)
                seen.add(key)
                if isinstance(row, Skip):
                    skipped[row] += 1
                else:
                    last_s = drive.time_s[index]
                    rows.append({**row, "session": session_id, "session_folder": session.name})
        except RecordingError as error:
            log.warning("left out: %s", error)
            self.unreadable += 1
            return
        self.segments += 1
        self.steps += len(rows) + skipped.total()
        self.rows += rows
        self.skipped += skipped
        self._seen |= seen

    def _row(self, segment: Segment, drive: Drive, index: int, plan: Plan, last_s: float) -> dict[str, Any] | Skip:
        command = RouteCommand(segment.column("route/command")[index])
        horizon, step_s = self.settings.horizon, self.settings.step_s
        pair = judge(drive, index, plan, command, self.codebook, horizon, step_s, self.config)
        if isinstance(pair, Skip):
            return pair
        if drive.time_s[index] - last_s < self.config.gap_s - 1e-6:
            return Skip.TOO_SOON
        data = segment.jpeg(POLICY_CAMERA, index) if POLICY_CAMERA in segment.cameras else b""
        if not data:
            return Skip.NO_PICTURE
        picture = png_for_policy(segment.image(POLICY_CAMERA, index), self.settings.camera)
        prompt = plan.prompt or _prompt(segment, index)
        return {**_example(pair, prompt, picture), **_origin(segment, drive, index, command)}

    def summary(self, out: Path, sessions: int) -> PairsSummary:
        """Counts over everything added."""
        count = {key: Counter(row[key] or "none" for row in self.rows) for key in ("driver", "reason", "note")}
        return PairsSummary(
            folder=out.name,
            pairs=len(self.rows),
            sessions=sessions,
            segments=self.segments,
            unreadable_segments=self.unreadable,
            decision_steps=self.steps,
            skipped={skip.value: self.skipped[skip] for skip in Skip if self.skipped[skip]},
            by_driver=dict(count["driver"]),
            by_reason=dict(count["reason"]),
            by_note=dict(count["note"]),
            mean_displacement_m=float(np.mean([row["displacement_m"] for row in self.rows])) if self.rows else 0.0,
            policy=self.settings.name,
            policy_sha256=self.policy_sha256,
            config=self.config.model_dump(),
        )


def drive_of(segment: Segment) -> Drive:
    """What `refine.preference` looks at, from a segment's columns."""
    events = segment.arrays.tables["events"].column("kind")
    ends = segment.arrays.tables["ticks"].numbers("events_end")
    collided = [EventKind.COLLISION in events[span(ends, index)] for index in range(len(segment))]
    return Drive(
        frame=segment.column("frame"),
        time_s=segment.column("time_s"),
        poses_world=np.stack([segment.column(f"ego/pose/{name}") for name in ("x", "y", "yaw")], axis=-1),
        speed_mps=segment.column("ego/speed_mps"),
        taken=np.array([state is Authority.HUMAN for state in segment.authority], bool),
        collided=np.array(collided, bool),
    )


def plans_by_tick(segment: Segment) -> Iterator[tuple[int, Plan]]:
    """Every plan whose own frame is in the segment, with that tick's index, in order of frames."""
    index_of = {int(frame): index for index, frame in enumerate(segment.column("frame"))}
    plans = [decode_plan(segment.arrays, row) for row in range(len(segment.arrays.tables["plans"]))]
    by_frame = {plan.frame: plan for plan in plans if plan.frame in index_of}
    for frame in sorted(by_frame):
        yield index_of[frame], by_frame[frame]


def png_for_policy(image_rgb: NDArray[np.uint8], camera: CameraSettings) -> bytes:
    """The picture at the size of the policy's camera, made smaller as the policy itself does, as PNG."""
    import cv2  # loaded by recorder.jpeg already, which keeps it from pointing Qt at its plugins

    size = (camera.width, camera.height)
    if image_rgb.shape[1::-1] != size:
        image_rgb = np.asarray(cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    data = BytesIO()
    Image.fromarray(image_rgb).save(data, "PNG", compress_level=1)
    return data.getvalue()


def _example(pair: Preference, prompt: str, picture: bytes) -> dict[str, Any]:
    """What the trainer reads, and the two answers as numbers."""
    return {
        "images": [{"bytes": picture, "path": None}],
        "prompt": messages(prompt),
        "chosen": _completion(pair.chosen),
        "rejected": _completion(pair.rejected),
        "chosen_tokens": list(pair.chosen_tokens),
        "rejected_tokens": list(pair.rejected_tokens),
        "chosen_trajectory": pair.chosen_trajectory.tolist(),
        "rejected_trajectory": pair.rejected_trajectory.tolist(),
        "driven_trajectory": pair.driven_trajectory.tolist(),
        "displacement_m": pair.displacement_m,
        "human_share": pair.human_share,
    }


def _completion(answer: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": [{"type": "text", "text": answer}]}]


def _origin(segment: Segment, drive: Drive, index: int, command: RouteCommand) -> dict[str, Any]:
    """Where a pair came from, and whose driving is in it."""
    ahead = [begin for begin, end in segment.takeovers if end is None or end > index]
    begin = ahead[0] if ahead else index
    notes = [note for note in segment.column("driver/note")[begin : begin + NOTE_TICKS] if note]
    return {
        "segment": segment.segment_id,
        "frame": int(drive.frame[index]),
        "time_s": float(drive.time_s[index]),
        "since_takeover_s": float(drive.time_s[index] - drive.time_s[begin]),
        "driver": str(segment.column("driver/kind")[begin]),
        "reason": str(segment.column("authority/reason")[begin]),
        "note": str(notes[0]) if notes else "",
        "command": command.value,
        "speed_mps": float(drive.speed_mps[index]),
    }


def _prompt(segment: Segment, index: int) -> str:
    """The question as the policy is asked it, for recordings whose plans do not carry it."""
    distance_m, limit_mps = (float(segment.column(f"route/{name}")[index]) for name in _ROUTE_NUMBERS)
    command = RouteCommand(segment.column("route/command")[index])
    return prompt_text(float(segment.column("ego/speed_mps")[index]), command, distance_m, limit_mps)


_ROUTE_NUMBERS = ("command_distance_m", "speed_limit_mps")


def _features() -> Any:
    from datasets import Features, List, Value
    from datasets import Image as ImageFeature

    part = {"type": Value("string"), "text": Value("string")}
    chat = List({"role": Value("string"), "content": List(part)})
    numbers = ("displacement_m", "human_share", "time_s", "since_takeover_s", "speed_mps")
    texts = ("session", "session_folder", "segment", "driver", "reason", "note", "command")
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


def _write(out: Path, rows: Sequence[dict[str, Any]], summary: PairsSummary) -> None:
    """The whole folder or none."""
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


def _no_pairs(summary: PairsSummary) -> str:
    skipped = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in summary.skipped.items())
    return (
        f"no pair can be made from {summary.segments} segment(s) in {summary.sessions} session(s): "
        f"of {summary.decision_steps} frames with an answer {skipped or 'none'} were left out; "
        "record takeovers that last longer than the policy's horizon, with the policy planning on"
    )


def _card_text(summary: PairsSummary) -> str:
    """The data set's card: what is in it, in words."""
    rows = [("pairs", summary.pairs), ("segments", summary.segments), ("decision steps", summary.decision_steps)]
    rows += [(f"skipped: {reason.replace('_', ' ')}", count) for reason, count in summary.skipped.items()]
    rows += [(f"driver: {name}", count) for name, count in summary.by_driver.items()]
    rows += [(f"takeover: {name}", count) for name, count in summary.by_reason.items()]
    rows += [(f"note: {name}", count) for name, count in summary.by_note.items()]
    table = "\n".join(f"| {name} | {count} |" for name, count in rows)
    return (
        "---\ntags: [preference, driving]\n---\n\n# Preference pairs from takeovers\n\n"
        f"Chosen is what was driven in the seconds after a frame, rejected is what the policy `{summary.policy}` "
        f"(sha256 {summary.policy_sha256[:12]}) answered to that frame. Mean distance between the two: "
        f"{summary.mean_displacement_m:.2f} m.\n\n| what | count |\n| --- | --- |\n{table}\n"
    )
