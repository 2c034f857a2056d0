"""Recorded takeovers to a Hugging Face data set of preference pairs, as TRL's DPOTrainer takes it.

Reads the segments of sessions, asks `refine.data.preference` about every frame that the policy answered, and writes the
pairs with where each came from, and a card that counts what became a pair and what did not, and why. The expert's
driving counts as a person's; every pair names who drove. docs/recording.md lists the columns.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policy.vla.checkpoint import PolicySettings, check_folder, checkpoint_sha256, read_settings
from policy.vla.codebook import Codebook
from policy.vla.dialects.catalogue import dialect_of
from recorder.layout.codec import decode_plan
from recorder.layout.pictures import Encoding, encode_picture
from recorder.layout.takeovers import Takeover, note_from
from recorder.reading.reader import RecordingError, Segment, read_session, segment_paths
from recorder.schema import Authority, DriverKind, EventKind, Plan, Reason, RouteCommand
from recorder.session import WHOLE_SESSION
from refine.data.observations import recorded_observation
from refine.data.pair_files import PairKind, PairsSummary, read_card, write_pairs
from refine.data.preference import Drive, PairConfig, Preference, Skip, judge, mean_distance_m, ordinary_answer
from refine.errors import RefineError

__all__ = ["PairsSummary", "build_pairs", "read_card"]

log = logging.getLogger(__name__)


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
    segments = sum(len(segment_paths(folder)) for folder in sessions)
    progress = _Progress(segments, on_progress)
    for folder in sessions:
        builder.add_session(folder, infos[folder].session_id, progress.one_more)
    rows = builder.finished_rows()
    summary = builder.summary(out, len(sessions), rows)
    if not rows:
        raise RefineError(_no_pairs(summary, builder.lacking))
    write_pairs(out, rows, summary)
    return summary


class _Progress:
    """Counts segments and reports the count to the caller's function."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress

    def one_more(self) -> None:
        self._done += 1
        if self._on_progress:
            self._on_progress(self._done, self._total)


@dataclass(frozen=True)
class _Calm:
    """A frame in which the policy drove as it answered and nobody had to intervene."""

    segment: Segment
    drive: Drive
    index: int
    plan: Plan
    answered: NDArray[np.float32]


class _Builder:
    """Rows of the data set, and counts of everything that became none."""

    def __init__(self, policy_folder: Path, config: PairConfig) -> None:
        self.config = config
        self.settings: PolicySettings = read_settings(check_folder(policy_folder))
        self.codebook = Codebook.load(policy_folder, self.settings.codebook)
        self.dialect = dialect_of(self.settings)
        if self.dialect.shows_videos:
            raise RefineError(
                f"{policy_folder} speaks the dialect '{self.settings.dialect}', which shows videos: TRL's preference "
                "training takes pictures only, so no pairs are made for it"
            )
        self.policy_sha256 = checkpoint_sha256(policy_folder)
        self.rows: list[dict[str, Any]] = []
        self.ordinary: list[tuple[dict[str, Any], _Calm]] = []
        """Ordinary driving, still without a rejected answer."""
        self.skipped: Counter[Skip] = Counter()
        self.lacking: set[str] = set()
        """Cameras of the policy that a segment has no pictures of."""
        self.segments = 0
        self.unreadable = 0
        self.steps = 0

    def add_session(self, folder: Path, session_id: str, on_segment: Callable[[], None]) -> None:
        """Judge every decision step of a session's segments, then look for ordinary driving."""
        frames: set[int] = set()
        before = len(self.rows)
        for path in segment_paths(folder):
            self._add_segment(path, frames)
            on_segment()
        most = round((len(self.rows) - before) * self.config.ordinary_share / (1 - self.config.ordinary_share))
        first = len(self.ordinary)
        if most:
            whole = folder / WHOLE_SESSION
            self._add_ordinary([whole] if whole.exists() else segment_paths(folder), most)
        for row in [*self.rows[before:], *(row for row, _ in self.ordinary[first:])]:
            row.update(session=session_id, session_folder=folder.name)

    def _add_segment(self, path: Path, frames: set[int]) -> None:
        """One segment's takeover pairs; a segment that cannot be read is logged and counted."""
        rows: list[dict[str, Any]] = []
        skipped: Counter[Skip] = Counter()
        seen: set[int] = set()
        try:
            segment = Segment.open(path)
            drive = drive_of(segment)
            self.lacking |= set(self.settings.cameras) - set(segment.cameras)
            last_s = -np.inf
            for index, plan in plans_by_tick(segment):
                row = Skip.DUPLICATE if plan.frame in frames else self._row(segment, drive, index, plan, last_s)
                seen.add(plan.frame)
                if isinstance(row, Skip):
                    skipped[row] += 1
                else:
                    last_s = drive.time_s[index]
                    rows.append(row)
        except RecordingError as error:
            log.warning("left out: %s", error)
            self.unreadable += 1
            return
        self.segments += 1
        self.steps += len(rows) + skipped.total()
        self.rows += rows
        self.skipped += skipped
        frames |= seen

    def _row(self, segment: Segment, drive: Drive, index: int, plan: Plan, last_s: float) -> dict[str, Any] | Skip:
        command = RouteCommand(segment.column("route/command")[index])
        pair = judge(drive, index, plan, command, self.dialect, self.codebook, self.config)
        if isinstance(pair, Skip):
            return pair
        if drive.time_s[index] - last_s < self.config.gap_s - 1e-6:
            return Skip.TOO_SOON
        question = self._question(segment, index, plan)
        return {**question, **_answers(pair), **_origin(segment, drive, index)} if question else Skip.NO_PICTURE

    def _question(self, segment: Segment, index: int, plan: Plan) -> dict[str, Any] | None:
        observation = recorded_observation(segment, index, self.settings)
        if observation is None:
            return None
        pictures = [encode_picture(image, Encoding.PNG) for image in observation.images]
        chat = self.dialect.messages(plan.prompt or self.dialect.prompt(observation))
        return {"images": [{"bytes": picture, "path": None} for picture in pictures], "prompt": chat}

    def _add_ordinary(self, paths: Sequence[Path], most: int) -> None:
        """At most so many frames, spread over the recordings, in which the policy drove and nobody had to intervene."""
        found = [calm for path in paths for calm in self._calm_frames(path)]
        unique = list({calm.plan.frame: calm for calm in found}.values())
        picked = np.unique(np.linspace(0, len(unique) - 1, min(most, len(unique))).round().astype(int))
        for calm in (unique[number] for number in picked):
            question = self._question(calm.segment, calm.index, calm.plan)
            if question:
                origin = _origin(calm.segment, calm.drive, calm.index)
                nobody = {"kind": PairKind.ORDINARY.value, "driver": "policy", "reason": "", "note": ""}
                self.ordinary.append(({**question, **origin, **nobody}, calm))

    def _calm_frames(self, path: Path) -> list[_Calm]:
        """Frames of one recording at least `gap_s` apart; none of one that cannot be read."""
        found: list[_Calm] = []
        last_s = -np.inf
        try:
            segment = Segment.open(path)
            drive = drive_of(segment)
            for index, plan in plans_by_tick(segment):
                answered = ordinary_answer(drive, index, plan, self.dialect, self.codebook, self.config)
                if answered is not None and drive.time_s[index] - last_s >= self.config.gap_s - 1e-6:
                    last_s = drive.time_s[index]
                    found.append(_Calm(segment, drive, index, plan, answered))
        except RecordingError as error:
            log.warning("no ordinary driving from it: %s", error)
        return found

    def finished_rows(self) -> list[dict[str, Any]]:
        """Every pair: those of takeovers, then ordinary driving preferred over what a takeover did elsewhere."""
        against = ((row, self._against_a_takeover(row["speed_mps"], calm)) for row, calm in self.ordinary)
        return [*self.rows, *({**row, **_answers(pair)} for row, pair in against if pair)]

    def _against_a_takeover(self, speed_mps: float, calm: _Calm) -> Preference | None:
        """The policy's own answer, preferred over that of the takeover at the nearest speed that differs from it."""
        for other in sorted(self.rows, key=lambda other: abs(other["speed_mps"] - speed_mps)):
            manoeuvre = np.asarray(other["chosen_trajectory"], np.float32)
            displacement_m = mean_distance_m(calm.answered, manoeuvre)
            if displacement_m >= self.config.least_displacement_m:
                return Preference(
                    chosen=calm.plan.text,
                    rejected=other["chosen"][0]["content"][0]["text"],
                    chosen_tokens=calm.plan.tokens,
                    rejected_tokens=tuple(other["chosen_tokens"]),
                    chosen_trajectory=calm.answered,
                    rejected_trajectory=manoeuvre,
                    driven_trajectory=calm.answered,
                    displacement_m=displacement_m,
                    human_share=0.0,
                )
        return None

    def summary(self, out: Path, sessions: int, rows: Sequence[dict[str, Any]]) -> PairsSummary:
        """Counts over everything added."""
        count = {key: Counter(row[key] or "none" for row in self.rows) for key in ("driver", "reason", "note")}
        return PairsSummary(
            folder=out.name,
            pairs=len(rows),
            ordinary_pairs=len(rows) - len(self.rows),
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
    """What `refine.data.preference` looks at, from a segment's columns."""

    def happened(kind: EventKind) -> NDArray[np.bool_]:
        return np.isin(np.arange(len(segment)), segment.ticks_with(kind))

    return Drive(
        frame=segment.column("frame"),
        time_s=segment.column("time_s"),
        poses_world=np.stack([segment.column(f"ego/pose/{name}") for name in ("x", "y", "yaw")], axis=-1),
        speed_mps=segment.column("ego/speed_mps"),
        free=np.array([state is Authority.POLICY for state in segment.authority], bool),
        taken=np.array([state is Authority.HUMAN for state in segment.authority], bool),
        collided=happened(EventKind.COLLISION),
        set_back=happened(EventKind.REWIND),
    )


def plans_by_tick(segment: Segment) -> Iterator[tuple[int, Plan]]:
    """Every plan whose own frame is in the segment, with that tick's index, in order of frames."""
    index_of = {int(frame): index for index, frame in enumerate(segment.column("frame"))}
    plans = [decode_plan(segment.arrays, row) for row in range(len(segment.arrays.tables["plans"]))]
    by_frame = {plan.frame: plan for plan in plans if plan.frame in index_of}
    for frame in sorted(by_frame):
        yield index_of[frame], by_frame[frame]


def _answers(pair: Preference) -> dict[str, Any]:
    """The two answers, as the trainer reads them and as numbers."""
    return {
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


def _origin(segment: Segment, drive: Drive, index: int) -> dict[str, Any]:
    """Where a pair came from, and whose driving is in it."""
    takeover = _takeover_of(segment, index)
    return {
        "kind": PairKind.TAKEOVER.value,
        "segment": segment.segment_id,
        "frame": int(drive.frame[index]),
        "time_s": float(drive.time_s[index]),
        "since_takeover_s": float(drive.time_s[index] - drive.time_s[takeover.first]),
        "driver": takeover.driver.value,
        "reason": takeover.reason.value,
        "note": takeover.note,
        "command": str(segment.column("route/command")[index]),
        "speed_mps": float(drive.speed_mps[index]),
    }


def _takeover_of(segment: Segment, index: int) -> Takeover:
    """The takeover that tick `index` leads to or lies in; where the recording holds none, the tick stands for it."""
    ahead = next((one for one in segment.takeovers if one.end is None or one.end > index), None)
    if ahead is not None:
        return ahead
    driver, reason = (segment.column(name)[index] for name in ("driver/kind", "authority/reason"))
    note = note_from(segment.column("driver/note"), index)
    return Takeover(index, None, DriverKind(driver), Reason(reason), note, answer=None)


def _no_pairs(summary: PairsSummary, lacking: set[str]) -> str:
    if lacking:
        names = ", ".join(sorted(lacking))
        return f"the recordings have no pictures of {names}, which this policy is shown: record takeovers from it"
    skipped = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in summary.skipped.items())
    return (
        f"no pair can be made from {summary.segments} segment(s) in {summary.sessions} session(s): "
        f"of {summary.decision_steps} frames with an answer {skipped or 'none'} were left out; "
        "record takeovers that last longer than the policy's horizon, with the policy planning on"
    )
