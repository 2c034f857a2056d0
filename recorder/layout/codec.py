"""Ticks to the arrays of a segment, and back: the layout that docs/recording.md describes.

`pack` compresses a tick's pictures once, for ring and stores alike. `TickEncoder` turns packed ticks into batches of
rows; `decode_tick` builds a tick from them. Nothing here reads or writes files.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from recorder.layout.columns import WEATHER, Column, Kind, Table, columns_of, row_of
from recorder.layout.pictures import Encoding, decode_picture, encode_picture
from recorder.schema import (
    ActorState,
    CameraFrame,
    LightState,
    Plan,
    Pose,
    RouteState,
    Tick,
    TickEvent,
    is_policy_camera,
)

log = logging.getLogger(__name__)


def _count(name: str, meaning: str) -> Column:
    return Column(name, Kind.INT, "", meaning)


RUNNING = (
    _count("actors_end", "rows of `actors` up to and with this tick; its own begin where the last tick's end"),
    _count("lights_end", "as actors_end, of `lights`"),
    _count("events_end", "as actors_end, of `events`"),
    _count("route_ahead_end", "as actors_end, of `route_ahead`"),
    _count("plan_row", "row of `plans` that was the newest plan, -1 when there was none"),
    _count("dropped_before", "ticks lost just before this one because the disk or the processor could not keep up"),
    Column("ego/speed_mps", Kind.FLOAT, "m/s", "Magnitude of the ego's horizontal velocity."),
)
TICK_COLUMNS = columns_of(Tick, ("actors", "lights", "route/ahead_world", "cameras", "plan", "events"))
ACTOR_COLUMNS = columns_of(ActorState)
LIGHT_COLUMNS = columns_of(LightState)
EVENT_COLUMNS = columns_of(TickEvent)
PLAN_COLUMNS = columns_of(Plan, ("tokens", "trajectory_ego"))
PLAN_RUNNING = (
    _count("tokens_end", "rows of `plan_tokens` up to and with this plan"),
    _count("points_end", "rows of `plan_trajectories` up to and with this plan"),
)
CAMERA_COLUMNS = (
    *columns_of(CameraFrame, ("name", "image")),
    Column("width_px", Kind.INT, "px", "Width of the picture.", get=lambda camera: camera.width_px),
    Column("height_px", Kind.INT, "px", "Height of the picture.", get=lambda camera: camera.height_px),
)
TABLES: dict[str, tuple[Column, ...]] = {
    "ticks": (*TICK_COLUMNS, *RUNNING),
    "actors": ACTOR_COLUMNS,
    "lights": LIGHT_COLUMNS,
    "events": EVENT_COLUMNS,
    "plans": (*PLAN_COLUMNS, *PLAN_RUNNING),
}
"""Every table of a segment but the cameras', with its columns."""


@dataclass(frozen=True, slots=True)
class PackedCamera:
    """A `CameraFrame` with its picture as a file's bytes; none when the picture could not be encoded."""

    name: str
    frame: int
    picture: bytes
    width_px: int
    height_px: int
    fov_rad: float
    pose_in_ego: Pose


@dataclass(frozen=True, slots=True)
class PackedTick:
    """A tick whose pictures are compressed."""

    tick: Tick
    """The tick with no pictures in `cameras`."""
    cameras: tuple[PackedCamera, ...]
    dropped_before: int = 0

    @property
    def time_s(self) -> float:
        """Simulation time, seconds."""
        return self.tick.time_s


def pack(tick: Tick, quality: int = 90, dropped_before: int = 0) -> PackedTick:
    """Compress a tick's pictures: those of the policy's cameras without loss, others as JPEG of `quality`.

    One that cannot be encoded is logged and left empty; the rest of the tick stays.
    """
    cameras = tuple(_packed_camera(name, camera, quality) for name, camera in tick.cameras.items())
    return PackedTick(replace(tick, cameras={}), cameras, dropped_before)


def _packed_camera(name: str, camera: CameraFrame, quality: int) -> PackedCamera:
    try:
        encoding = Encoding.PNG if is_policy_camera(name) else Encoding.JPEG
        picture = encode_picture(camera.image, encoding, quality)
        height_px, width_px = camera.image.shape[:2]
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("frame %s: the picture of camera %s is not recorded: %s", camera.frame, name, error)
        picture, height_px, width_px = b"", 0, 0
    return PackedCamera(name, camera.frame, picture, width_px, height_px, camera.fov_rad, camera.pose_in_ego)


def camera_key(name: str) -> str:
    """Name of a camera's group in the store: any text, made safe for a file name."""
    return quote(name, safe=" ") if name.strip(".") else "%" + name.encode().hex()


@dataclass
class Batch:
    """Rows to append to a segment, by array."""

    ticks: int = 0
    tables: dict[str, list[list[float]]] = field(default_factory=lambda: {name: [] for name in TABLES})
    route_ahead: list[NDArray[np.float32]] = field(default_factory=list)
    plan_tokens: list[int] = field(default_factory=list)
    plan_trajectories: list[NDArray[np.float32]] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    pictures: dict[str, list[bytes]] = field(default_factory=dict)
    """By camera, one for each tick; empty where the camera gave none."""
    camera_rows: dict[str, list[list[float]]] = field(default_factory=dict)
    picture_errors: int = 0


class TickEncoder:
    """Packed ticks to batches of rows; knows what the segment holds already (strings, plans, row counts)."""

    def __init__(self) -> None:
        self._strings: dict[str, int] = {}
        self._ends = {"actors": 0, "lights": 0, "events": 0, "route_ahead": 0}
        self._plan: Plan | None = None
        self._plan_row = -1
        self._last_plan_row = -1
        self._tokens_end = 0
        self._points_end = 0
        self._batch = Batch()
        self._cameras: list[str] = []

    @property
    def pending_ticks(self) -> int:
        """Ticks encoded and not yet taken."""
        return self._batch.ticks

    def take(self) -> Batch:
        """The rows since the last call."""
        batch, self._batch = self._batch, self._empty_batch()
        return batch

    def _empty_batch(self) -> Batch:
        return Batch(
            pictures={name: [] for name in self._cameras},
            camera_rows={name: [] for name in self._cameras},
        )

    def add(self, packed: PackedTick) -> None:
        """Encode one tick. Raises (ValueError, TypeError, ...) on a tick that breaks the schema, adding none of it."""
        tick = packed.tick
        if len(tick.weather) > len(WEATHER):
            raise ValueError(f"{len(tick.weather)} weather parameters; CARLA 0.9.16 has {len(WEATHER)}")
        rows = {
            "actors": [row_of(ACTOR_COLUMNS, actor, self._text) for actor in tick.actors],
            "lights": [row_of(LIGHT_COLUMNS, light, self._text) for light in tick.lights],
            "events": [row_of(EVENT_COLUMNS, event, self._text) for event in tick.events],
        }
        ahead = np.asarray(tick.route.ahead_world, np.float32).reshape(-1, 4)
        row = row_of(TICK_COLUMNS, tick, self._text)
        camera_rows = {camera.name: (camera, row_of(CAMERA_COLUMNS, camera, self._text)) for camera in packed.cameras}
        plan_rows = self._plan_rows(tick.plan)

        batch = self._batch
        for name, more in rows.items():
            batch.tables[name] += more
            self._ends[name] += len(more)
        batch.route_ahead.append(ahead)
        self._ends["route_ahead"] += len(ahead)
        self._add_plan(tick.plan, plan_rows)
        self._add_cameras(camera_rows)
        ends = [float(self._ends[name]) for name in ("actors", "lights", "events", "route_ahead")]
        batch.tables["ticks"].append([*row, *ends, self._plan_row, packed.dropped_before, tick.ego.speed_mps])
        batch.ticks += 1

    def _text(self, text: str) -> int:
        row = self._strings.get(text)
        if row is None:
            text.encode()  # a text that is no Unicode must fail here, not when the batch is written
            row = self._strings[text] = len(self._strings)
            self._batch.strings.append(text)
        return row

    def _plan_rows(self, plan: Plan | None) -> tuple[list[float], list[int], NDArray[np.float32]] | None:
        if plan is None or plan is self._plan:
            return None
        points = np.asarray(plan.trajectory_ego, np.float32).reshape(-1, 3)
        return row_of(PLAN_COLUMNS, plan, self._text), [int(token) for token in plan.tokens], points

    def _add_plan(self, plan: Plan | None, rows: tuple[list[float], list[int], NDArray[np.float32]] | None) -> None:
        if plan is None:
            self._plan_row = -1
        elif rows is None:
            self._plan_row = self._last_plan_row
        else:
            row, tokens, points = rows
            self._tokens_end += len(tokens)
            self._points_end += len(points)
            self._batch.tables["plans"].append([*row, self._tokens_end, self._points_end])
            self._batch.plan_tokens += tokens
            self._batch.plan_trajectories.append(points)
            self._last_plan_row = self._plan_row = self._last_plan_row + 1
            self._plan = plan

    def _add_cameras(self, rows: Mapping[str, tuple[PackedCamera, list[float]]]) -> None:
        batch = self._batch
        nothing = [float("nan")] * len(CAMERA_COLUMNS)
        for name in rows:
            if name not in self._cameras:
                self._cameras.append(name)
                batch.pictures[name] = [b""] * batch.ticks
                batch.camera_rows[name] = [nothing] * batch.ticks
        for name in self._cameras:
            camera, row = rows.get(name, (None, nothing))
            batch.pictures[name].append(camera.picture if camera else b"")
            batch.camera_rows[name].append(row)
            batch.picture_errors += camera is not None and not camera.picture


@dataclass(frozen=True)
class Arrays:
    """A segment's arrays as read back, trimmed to what was committed."""

    tables: Mapping[str, Table]
    cameras: Mapping[str, Table]
    """By camera name, one row a tick."""
    route_ahead: NDArray[np.float32]
    plan_tokens: NDArray[np.int64]
    plan_trajectories: NDArray[np.float32]
    strings: Sequence[str]


def span(ends: NDArray[np.float64], row: int) -> slice:
    """Rows of a ragged array that belong to `row`, from the running ends."""
    return slice(int(ends[row - 1]) if row else 0, int(ends[row]))


def decode_tick(arrays: Arrays, row: int, pictures: Mapping[str, bytes]) -> Tick:
    """The tick in `row`; `pictures` are its pictures' files by camera, and a camera with no bytes is left out."""
    ticks = arrays.tables["ticks"]
    ahead = arrays.route_ahead[span(ticks.numbers("route_ahead_end"), row)]
    plan_row = ticks.value("plan_row", row)
    plan = decode_plan(arrays, plan_row) if plan_row >= 0 else None
    is_old = "ego_at_plan/present" not in ticks
    looked_up: dict[str, Any] = {"ego_at_plan": _ego_at(ticks, plan.frame)} if is_old and plan is not None else {}
    return ticks.record(
        Tick,
        row,
        route=ticks.record(RouteState, row, "route/", ahead_world=ahead),
        cameras={name: decode_camera(arrays.cameras[name], name, row, data) for name, data in pictures.items() if data},
        plan=plan,
        actors=_records(arrays, "actors", ActorState, row),
        lights=_records(arrays, "lights", LightState, row),
        events=_records(arrays, "events", TickEvent, row),
        **looked_up,
    )


def _ego_at(ticks: Table, frame: int) -> ActorState | None:
    """The ego at a frame, for recordings older than `Tick.ego_at_plan`; None where the frame is not in the segment."""
    rows = np.flatnonzero(ticks.numbers("frame") == frame)
    return ticks.record(ActorState, int(rows[-1]), "ego/") if len(rows) else None


def _records(arrays: Arrays, name: str, cls: type, row: int) -> tuple[Any, ...]:
    rows = span(arrays.tables["ticks"].numbers(f"{name}_end"), row)
    return tuple(arrays.tables[name].record(cls, index) for index in range(rows.start, rows.stop))


def decode_plan(arrays: Arrays, row: int) -> Plan:
    """The plan in `row` of the plans' table."""
    plans = arrays.tables["plans"]
    tokens = arrays.plan_tokens[span(plans.numbers("tokens_end"), row)]
    points = arrays.plan_trajectories[span(plans.numbers("points_end"), row)]
    return plans.record(Plan, row, tokens=tuple(int(token) for token in tokens), trajectory_ego=points)


def decode_camera(table: Table, name: str, row: int, data: bytes) -> CameraFrame:
    """The camera's picture and geometry in `row`."""
    return table.record(CameraFrame, row, name=name, image=decode_picture(data))
