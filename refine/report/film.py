"""Film strips of recorded takeovers: what the front camera saw, who drove, and both trajectories drawn on the road.

Reads segments and answers with pictures as data URIs and captions; it decides nothing about the page.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.projection import camera_pixels
from recorder.reading.reader import RecordingError, Segment, read_session, segment_paths
from recorder.schema import POLICY_CAMERA, Authority, CameraFrame, EventKind, Plan, SessionInfo, Tick
from refine.data.pairs import drive_of, plans_by_tick
from refine.data.preference import Skip, driven_future
from refine.report.plots import CHOSEN_COLOUR, REJECTED_COLOUR, data_uri

log = logging.getLogger(__name__)

OFFSETS_S = (-2.0, -1.0, 0.0, 1.0, 2.0)
FRAME_WIDTH_PX = 448
DECISION_WIDTH_PX = 896
PATH_HALF_WIDTH_M = 0.8
LEAST_DEPTH_M = 2.0
HORIZON_STEPS, STEP_S = 6, 0.5
LEAST_TICKS = 20
"""Segments with fewer ticks (1 s at 20 Hz) have no film."""
_DRIVERS = {
    Authority.POLICY: "policy",
    Authority.HUMAN: "driver",
    Authority.HANDING_BACK: "handing back",
    Authority.REQUESTED: "takeover asked for",
    Authority.SAFE_STOP: "safe stop",
}

PairRow = Mapping[str, object]


@dataclass(frozen=True)
class FilmFrame:
    """One picture of a strip."""

    offset_s: float
    """From the takeover."""
    picture: str
    """Data URI."""
    who: str
    """In words."""
    by_policy: bool
    speed_mps: float


@dataclass(frozen=True)
class DecisionPicture:
    """The frame of a decision with both trajectories on the road."""

    picture: str
    rejected_text: str
    chosen_text: str
    before_s: float
    """Seconds from this frame to the takeover; negative after it."""
    displacement_m: float
    """Mean distance between the two trajectories."""


@dataclass(frozen=True)
class Film:
    """One takeover in pictures."""

    title: str
    why: str
    driver: str
    route_id: str
    segment: str
    duration_s: float
    """That the driver had the car."""
    frames: list[FilmFrame]
    decision: DecisionPicture | None
    events: list[str]
    """Collisions and red lights in the segment."""
    is_rebuilt: bool = False
    """The pictures were taken anew in the rebuilt scene."""


def films_of(
    sessions: Sequence[Path],
    pairs: Mapping[tuple[str, str], list[PairRow]] | None = None,
    limit: int = 4,
    simulator: tuple[str, int] | None = None,
) -> list[Film]:
    """Films of up to `limit` takeovers, as different in their reasons as there are; unreadable segments are left out.

    `pairs` has the rows of the pairs data set by (session folder's name, segment id). With a `simulator` (host and
    port) the recorded scenes are built again there and photographed in a higher resolution than the policy saw.
    """
    found: dict[str, list[tuple[Path, Path, str]]] = {}
    for session in sessions:
        for path in segment_paths(session):
            try:
                summary = Segment.open(path).summary()
            except RecordingError:
                continue
            if summary.takeovers and summary.ticks > LEAST_TICKS:
                has_pairs = (session.name, summary.segment_id) in (pairs or {})
                some = found.setdefault(summary.note or str(summary.reason), [])
                some.insert(0 if has_pairs else len(some), (session, path, summary.note))
    picked: list[tuple[Path, Path, str]] = []
    while len(picked) < limit and any(found.values()):
        picked += [some.pop(0) for some in found.values() if some]
    films = []
    for session, path, _ in picked[:limit]:
        try:
            film = _film(session, path, (pairs or {}).get((session.name, path.stem), []), simulator)
        except RecordingError as error:
            log.warning("no film of %s: %s", path, error)
            continue
        films += [film] if film is not None else []
    return films


def _film(session: Path, path: Path, rows: Sequence[PairRow], simulator: tuple[str, int] | None) -> Film | None:
    info, segment = read_session(session), Segment.open(path)
    takeover = segment.own_takeover
    if takeover is None or POLICY_CAMERA not in segment.cameras:
        return None
    begin, why = takeover.first, takeover.reason.value.replace("_", " ")
    taken = np.array([state is Authority.HUMAN for state in segment.authority], bool)
    indices = _shown(segment, begin)
    decision = _decision(segment, begin, rows)
    shown = [*indices, *([decision.index] if decision else [])]
    recorded = [segment.tick(index) for index in shown]
    seen = rebuilt(info, recorded, simulator) if simulator is not None else None
    pictures = seen or [one.cameras[POLICY_CAMERA] for one in recorded]
    return Film(
        title=takeover.note or why,
        why=why,
        driver=takeover.driver.value,
        route_id=info.route_id,
        segment=segment.segment_id,
        duration_s=float(taken.sum() * info.fixed_delta_s),
        frames=_frames(segment, begin, indices, pictures),
        decision=_drawn(decision, pictures[-1], float(segment.column("time_s")[begin])) if decision else None,
        events=_events(segment),
        is_rebuilt=seen is not None,
    )


def rebuilt(info: SessionInfo, ticks: Sequence[Tick], simulator: tuple[str, int]) -> list[CameraFrame] | None:
    """The ticks' front pictures taken again, larger, in the rebuilt scene; None, and a warning, when that fails."""
    from cockpit.config import ConfigError
    from cockpit.world.errors import WorldError
    from refine.dream.rebuild import photograph

    frame = ticks[0].cameras[POLICY_CAMERA]
    height, width = frame.image.shape[:2]
    size = (DECISION_WIDTH_PX, round(DECISION_WIDTH_PX * height / width))
    camera = CameraSpec(POLICY_CAMERA, *size, frame.fov_rad, frame.pose_in_ego)
    try:
        images = photograph(info, ticks, camera, simulator)
    except (WorldError, ConfigError, RuntimeError) as error:
        log.warning(
            "the scene of %s cannot be built again, the report shows what was recorded: %s", info.route_id, error
        )
        return None
    return [replace(tick.cameras[POLICY_CAMERA], image=image) for tick, image in zip(ticks, images, strict=True)]


def _shown(segment: Segment, begin: int) -> list[int]:
    """Indices of the strip's pictures; times that the segment does not hold are left out."""
    times = segment.column("time_s")
    nearest = [(int(np.argmin(np.abs(times - (times[begin] + offset)))), offset) for offset in OFFSETS_S]
    fine = [index for index, offset in nearest if abs(times[index] - times[begin] - offset) <= 0.2]
    return [index for index in fine if segment.picture_bytes(POLICY_CAMERA, index)]


def _frames(segment: Segment, begin: int, indices: Sequence[int], pictures: Sequence[CameraFrame]) -> list[FilmFrame]:
    times, speeds = segment.column("time_s"), segment.column("ego/speed_mps")
    frames = []
    for index, picture in zip(indices, pictures, strict=False):
        state = segment.authority[index]
        uri = jpeg_uri(_widened(picture.image, FRAME_WIDTH_PX))
        offset_s = float(times[index] - times[begin])
        frames.append(FilmFrame(offset_s, uri, _DRIVERS[state], state is Authority.POLICY, float(speeds[index])))
    return frames


def _events(segment: Segment) -> list[str]:
    texts = []
    table = segment.arrays.tables["events"]
    for kind, text in zip(table.column("kind"), table.column("text"), strict=True):
        if kind in (EventKind.COLLISION, EventKind.RED_LIGHT):
            texts.append(str(text))
    return texts


@dataclass(frozen=True)
class _Decision:
    """Both answers to one tick of a segment."""

    index: int
    time_s: float
    rejected: NDArray[np.float64]
    chosen: NDArray[np.float64]
    texts: tuple[str, str]


def _decision(segment: Segment, begin: int, rows: Sequence[PairRow]) -> _Decision | None:
    """The decision nearest to the takeover of which both answers are known: a pair's, else the newest plan's."""
    times, frames = segment.column("time_s"), list(segment.column("frame"))
    usable = [row for row in rows if row["frame"] in frames]
    if usable:
        row = min(usable, key=lambda one: abs(float(str(one["since_takeover_s"]))))
        index = frames.index(row["frame"])
        rejected, chosen = (np.array(row[f"{name}_trajectory"], np.float64) for name in ("rejected", "chosen"))
        texts = (answer_text(row["rejected"]), answer_text(row["chosen"]))
    else:
        found = _shadow(segment, begin)
        if found is None:
            return None
        index, plan, chosen = found
        rejected, texts = np.asarray(plan.trajectory_ego, np.float64), (_said(plan), "what was then driven")
    if not segment.picture_bytes(POLICY_CAMERA, index):
        return None
    return _Decision(index, float(times[index]), rejected, chosen, texts)


def _drawn(decision: _Decision, frame: CameraFrame, takeover_s: float) -> DecisionPicture:
    count = min(len(decision.rejected), len(decision.chosen))
    apart = np.hypot(*(decision.rejected[:count, :2] - decision.chosen[:count, :2]).T).mean()
    picture = draw_paths(frame, [(decision.rejected, REJECTED_COLOUR), (decision.chosen, CHOSEN_COLOUR)])
    return DecisionPicture(jpeg_uri(picture), *decision.texts, takeover_s - decision.time_s, float(apart))


def _shadow(segment: Segment, begin: int) -> tuple[int, Plan, NDArray[np.float64]] | None:
    """The last plan made up to the takeover whose horizon was then driven on in the segment."""
    drive = drive_of(segment)
    best = None
    for index, plan in plans_by_tick(segment):
        driven = driven_future(drive, index, HORIZON_STEPS, STEP_S)
        if index <= begin and not isinstance(driven, Skip) and not plan.is_control_only:
            best = index, plan, np.asarray(driven, np.float64)
    return best


def _said(plan: Plan) -> str:
    return ", ".join(word for word in (plan.direction, plan.speed) if word is not None)


def answer_text(answer: object) -> str:
    """The meta-action of an answer in TRL's conversational form, without its action tokens."""
    text = str(answer)
    if isinstance(answer, Sequence) and answer and isinstance(answer[0], Mapping):
        content = answer[0].get("content", "")
        parts = content if isinstance(content, list) else [{"text": content}]
        text = " ".join(str(part.get("text", "")) for part in parts)
    return text.split("<act", 1)[0].strip().replace("\n", ", ").rstrip(", ")


def draw_paths(
    frame: CameraFrame, paths: Sequence[tuple[NDArray[np.floating], str]], width_px: int = DECISION_WIDTH_PX
) -> Image.Image:
    """The camera's picture, enlarged, with trajectories (T, 3) of the ego frame as ribbons on a level road."""
    picture = _widened(frame.image, width_px).convert("RGBA")
    scale = picture.width / frame.image.shape[1]
    height, width = frame.image.shape[:2]
    camera = CameraSpec(frame.name, width, height, frame.fov_rad, frame.pose_in_ego)
    for trajectory, colour in paths:
        layer = Image.new("RGBA", picture.size)
        pen = ImageDraw.Draw(layer)
        for quad in ribbon(trajectory, camera):
            pen.polygon([(float(x) * scale, float(y) * scale) for x, y in quad], fill=f"{colour}70")
        knots = camera_pixels(camera, np.column_stack((trajectory[:, :2], np.zeros(len(trajectory)))))
        for (x, y), ahead in zip(knots * scale, trajectory[:, 0] - camera.pose.x, strict=True):
            if ahead > LEAST_DEPTH_M and math.isfinite(x) and math.isfinite(y):
                radius = min(max(34.0 / ahead, 2.5), 8.0)
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline="white")
        picture = Image.alpha_composite(picture, layer)
    return picture.convert("RGB")


def ribbon(trajectory: NDArray[np.floating], camera: CameraSpec) -> list[NDArray[np.float64]]:
    """(4, 2) pixel corners of the pieces of a path as wide as a car, those too near to the lens left out."""
    points = np.vstack((np.zeros((1, 2)), np.asarray(trajectory, np.float64)[:, :2]))
    lengths = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
    if lengths[-1] < 0.5:
        return []
    keep = np.concatenate(([True], np.diff(lengths) > 1e-6))
    fine = np.arange(0.0, lengths[-1], 0.25)
    line = np.stack([np.interp(fine, lengths[keep], points[keep, axis]) for axis in (0, 1)], axis=1)
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.column_stack((-along[:, 1], along[:, 0])) * PATH_HALF_WIDTH_M
    left, right = (
        camera_pixels(camera, np.column_stack((side, np.zeros(len(side))))) for side in (line - across, line + across)
    )
    near = line[:, 0] - camera.pose.x < LEAST_DEPTH_M
    quads = [
        np.stack((left[i], left[i + 1], right[i + 1], right[i]))
        for i in range(len(line) - 1)
        if not (near[i] or near[i + 1])
    ]
    return [quad for quad in quads if np.isfinite(quad).all()]


def _widened(image: NDArray[np.uint8], width_px: int) -> Image.Image:
    picture = Image.fromarray(image)
    return picture.resize((width_px, round(width_px * picture.height / picture.width)), Image.Resampling.LANCZOS)


def jpeg_uri(picture: Image.Image) -> str:
    """A picture as a data URI."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=86)
    return data_uri(data.getvalue(), "image/jpeg")
