"""Ticks for the recorder's tests: hypothesis strategies, and a plain drive with one takeover."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    CameraFrame,
    Control,
    Direction,
    DriverInput,
    DriverKind,
    EventKind,
    LightColour,
    LightState,
    Plan,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    SessionInfo,
    SpeedAction,
    Tick,
    TickEvent,
)

INFO = SessionInfo(
    session_id="s1",
    started_at="2026-01-05T10:00:00+01:00",
    map_name="millbrook",
    opendrive="<OpenDRIVE>\r\n é</OpenDRIVE>",
    fixed_delta_s=0.05,
    seed=7,
    driver=DriverKind.EXPERT,
    driver_id="p01",
    policy="small",
    policy_sha256="ab",
    route_id="r1",
    route_world=np.array([[0.1, 2, 3, 4], [1, 2, 3, 0.4]], np.float32),
)

numbers = st.floats(allow_nan=False, width=64)
counts = st.integers(-(2**53), 2**53)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
poses = st.builds(Pose, *[numbers] * 6)
vectors = st.tuples(numbers, numbers, numbers)
controls = st.builds(Control, numbers, numbers, numbers, st.booleans(), st.booleans())
actors = st.builds(
    ActorState, counts, texts, texts, poses, vectors, vectors, vectors, vectors, vectors, st.integers(0, 2**31)
)
lights = st.builds(LightState, counts, st.sampled_from(LightColour), numbers, poses, texts)
events = st.builds(TickEvent, st.sampled_from(EventKind), texts, counts, numbers)
drivers = st.builds(
    DriverInput,
    st.sampled_from(DriverKind),
    st.booleans(),
    numbers,
    numbers,
    numbers,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    numbers,
    texts,
    texts,
)
authorities = st.builds(
    AuthorityState, st.sampled_from(Authority), st.sampled_from(Reason), counts, numbers, st.floats(0, 1)
)


def rows(width: int, least: int = 0) -> st.SearchStrategy[Any]:
    row = st.lists(st.floats(width=32, allow_nan=False), min_size=width, max_size=width)
    return st.lists(row, min_size=least, max_size=5).map(lambda r: np.array(r, np.float32).reshape(-1, width))


routes = st.builds(
    RouteState,
    command=st.sampled_from(RouteCommand),
    command_distance_m=numbers,
    driven_m=numbers,
    length_m=numbers,
    lateral_offset_m=numbers,
    heading_error_rad=numbers,
    ahead_world=rows(4, 1),
    speed_limit_mps=numbers,
    next_light_id=counts,
    next_light_distance_m=numbers,
    in_junction=st.booleans(),
    lane_width_m=numbers,
    is_off_road=st.booleans(),
)
plans = st.builds(
    Plan,
    frame=counts,
    time_s=numbers,
    direction=st.sampled_from(Direction),
    speed=st.sampled_from(SpeedAction),
    tokens=st.lists(st.integers(0, 4096), max_size=10).map(tuple),
    trajectory_ego=rows(3),
    text=texts,
    prompt=texts,
    latency_s=numbers,
    confidence=st.floats(0, 1),
    step_s=st.sampled_from([0.1, 0.5]),
)


@st.composite
def camera_frames(draw: Any, name: str) -> CameraFrame:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    level = draw(st.integers(0, 255))
    return CameraFrame(name, draw(counts), np.full((height, width, 3), level, np.uint8), draw(numbers), draw(poses))


@st.composite
def ticks(draw: Any) -> Tick:
    names = draw(st.lists(st.sampled_from(["front", "left", "right", "../Ünder screen 2"]), unique=True))
    return Tick(
        frame=draw(counts),
        time_s=draw(numbers),
        wall_time_s=draw(numbers),
        delta_s=draw(numbers),
        ego=draw(actors),
        actors=tuple(draw(st.lists(actors, max_size=3))),
        lights=tuple(draw(st.lists(lights, max_size=2))),
        route=draw(routes),
        cameras={name: draw(camera_frames(name)) for name in names},
        driver=draw(drivers),
        plan=draw(st.none() | plans),
        policy_control=draw(st.none() | controls),
        control=draw(controls),
        authority=draw(authorities),
        events=tuple(draw(st.lists(events, max_size=2))),
        weather=draw(st.just(()) | st.tuples(*[numbers] * 14)),
        ttc_s=draw(numbers),
        ego_at_plan=draw(st.none() | actors),
    )


def same(a: Any, b: Any) -> bool:
    """Equal field by field; arrays by value and kind."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def plain_tick(frame: int, authority: Authority = Authority.POLICY, pictures: bool = True, **changes: Any) -> Tick:
    """A tick of a straight drive at 10 m/s and 20 Hz, with a picture whose brightness encodes its frame."""
    time_s = frame * 0.05
    ego = ActorState(
        1, "vehicle.tesla.model3", "hero", Pose(frame * 0.5, 1.0), (10.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3, (2, 1, 0.8)
    )
    image = np.full((24, 32, 3), frame % 200 + 20, np.uint8)
    cameras = {name: CameraFrame(name, frame, image, 1.5, Pose(1.5, 0, 1.4)) for name in ("front", "left", "right")}
    tick = Tick(
        frame=frame,
        time_s=time_s,
        wall_time_s=time.time(),
        delta_s=0.05,
        ego=ego,
        actors=tuple(dataclasses.replace(ego, actor_id=i, role_name="") for i in range(2, 22)),
        lights=(LightState(90, LightColour.RED, 1.0, Pose(), "7"),),
        route=RouteState(
            RouteCommand.LEFT, 12.0, frame * 0.5, 900.0, 0.1, 0.0, np.ones((80, 4), np.float32), speed_limit_mps=13.9
        ),
        cameras=cameras if pictures else {},
        driver=DriverInput(DriverKind.EXPERT, note="collision ahead" if authority is Authority.HUMAN else ""),
        plan=None,
        policy_control=Control(0.1),
        control=Control(0.2),
        authority=AuthorityState(authority, Reason.OVERRIDE_BRAKE, frame, time_s),
        weather=tuple(float(i) for i in range(14)),
    )
    return dataclasses.replace(tick, **changes)


def drive(*stretches: tuple[int, Authority], first: int = 0, **changes: Any) -> Iterator[Tick]:
    """Consecutive ticks: so many of each state, one after the other."""
    frame = first
    for count, authority in stretches:
        for _ in range(count):
            yield plain_tick(frame, authority, **changes)
            frame += 1
