"""What a foreign loop tells of a moment as a `Tick`, so that a policy is asked as in a session of ours.

The contract tells a route as points and names no manoeuvre: the command is read from the route's shape. The speed limit
is known where the loop tells it, which AlpaSim's does not; lights and other road users are not.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping

import numpy as np
from carla_driver_interface.driver import CameraFrame as SentFrame
from carla_driver_interface.driver import DriveContext, SessionState
from numpy.typing import NDArray
from PIL import Image

from policy.egodriver.frames import MIRROR, ego_of_rig, motion_of_rig
from policy.egodriver.lens import View
from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    CameraFrame,
    Control,
    DriverInput,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    Tick,
)

AHEAD_M = 80
"""Routes are told that far ahead at most."""
TURN_RAD, TURN_WITHIN_M = math.radians(40.0), 15.0
"""A route that turns by so much within so short a way turns at a junction."""
COMMAND_WITHIN_M = 30.0
EGO_EXTENT_M = (2.4, 1.0, 0.8)


class ObservedError(ValueError):
    """A loop did not tell what a policy must know; the message says what."""


def tick_of(context: DriveContext, views: dict[str, tuple[View, float, Pose]], frame: int, delta_s: float) -> Tick:
    """The moment of a `drive` call; `views` are our cameras by name: view, horizontal field of view, place in the ego.

    Raises:
        ObservedError: no pose of the ego, no route, or no picture of a camera that a view needs was submitted.

    """
    session = context.session
    with session.lock:
        rig, state = session.latest_pose(), session.latest_dynamic_state()
        waypoints = np.array(session.route_waypoints_in_rig, np.float64)
        sent = {view.source: session.latest_frame(view.source) for view, _, _ in views.values()}
    if rig is None or state is None:
        raise ObservedError("no egomotion was submitted before the first drive")
    if len(waypoints) < 2:
        raise ObservedError("no route was submitted: two waypoints ahead at least")
    pose = ego_of_rig(rig)
    velocity, acceleration, rates = motion_of_rig(state, rig)
    ego = ActorState(1, "vehicle.foreign.ego", "hero", pose, velocity, acceleration, rates, EGO_EXTENT_M)
    data = context.renderer_data
    limit = float(data.speed_limit_mps) if data is not None and data.speed_limit_mps > 0.0 else math.inf
    return Tick(
        frame=frame,
        time_s=context.time_now_us / 1e6,
        wall_time_s=time.time(),
        delta_s=delta_s,
        ego=ego,
        actors=(),
        lights=(),
        route=route_state(rig.transform_points(waypoints) * MIRROR, pose, limit),
        cameras=_pictures(session, sent, views, frame),
        driver=DriverInput(),
        plan=None,
        policy_control=None,
        control=Control(),
        authority=AuthorityState(Authority.POLICY, Reason.SESSION_START, 0, 0.0),
    )


def _pictures(
    session: SessionState, sent: Mapping[str, object], views: dict[str, tuple[View, float, Pose]], frame: int
) -> dict[str, CameraFrame]:
    decoded: dict[str, NDArray[np.uint8]] = {}
    for source, picture in sent.items():
        if not isinstance(picture, SentFrame):
            known = ", ".join(session.cameras) or "none"
            raise ObservedError(f"no picture of camera '{source}' was submitted (declared: {known})")
        with Image.open(io.BytesIO(picture.image_bytes)) as image:
            decoded[source] = np.asarray(image.convert("RGB"), np.uint8)
    return {
        name: CameraFrame(name, frame, view.picture(decoded[view.source]), fov_rad, pose)
        for name, (view, fov_rad, pose) in views.items()
    }


def route_state(points_world: NDArray[np.float64], ego: Pose, limit_mps: float) -> RouteState:
    """Where the ego is on a route that is told as points (N, 3) in CARLA's world, from beside it or behind it on."""
    points = points_world[np.append(True, np.hypot(*np.diff(points_world[:, :2], axis=0).T) > 1e-3)]
    if len(points) < 2:
        raise ObservedError("the route's waypoints are one and the same point")
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    here_m = _beside(points, along, ego)
    metres = here_m + np.arange(0.0, min(max(along[-1] - here_m, 0.0), AHEAD_M) + 1e-9)
    line = np.stack([np.interp(metres, along, points[:, axis]) for axis in range(3)], axis=-1)
    headings = np.unwrap(np.arctan2(np.diff(points[:, 1]), np.diff(points[:, 0])))
    middles = (along[1:] + along[:-1]) / 2.0
    yaw = np.interp(metres, middles, headings)
    across = np.array([-math.sin(yaw[0]), math.cos(yaw[0])])
    command, distance_m = _command(yaw)
    return RouteState(
        command=command,
        command_distance_m=distance_m,
        driven_m=0.0,
        length_m=float(metres[-1] - here_m),
        lateral_offset_m=float((np.array([ego.x, ego.y]) - line[0, :2]) @ across),
        heading_error_rad=float((ego.yaw - yaw[0] + math.pi) % (2.0 * math.pi) - math.pi),
        ahead_world=np.column_stack([line, yaw]).astype(np.float32),
        speed_limit_mps=limit_mps,
    )


def _beside(points: NDArray[np.float64], along: NDArray[np.float64], ego: Pose) -> float:
    """How far along the points the ego's projection lies."""
    begin, step = points[:-1, :2], np.diff(points[:, :2], axis=0)
    share = np.clip(((np.array([ego.x, ego.y]) - begin) * step).sum(-1) / (step**2).sum(-1), 0.0, 1.0)
    nearest = int(np.hypot(*(begin + share[:, None] * step - [ego.x, ego.y]).T).argmin())
    return float(along[nearest] + share[nearest] * (along[nearest + 1] - along[nearest]))


def _command(yaw: NDArray[np.float64]) -> tuple[RouteCommand, float]:
    """The next turn of a route whose heading at every metre this is, and how far ahead it begins."""
    span = int(TURN_WITHIN_M)
    for begin in range(min(int(COMMAND_WITHIN_M), len(yaw) - 1) + 1):
        turned = float(yaw[min(begin + span, len(yaw) - 1)] - yaw[begin])
        if abs(turned) > TURN_RAD:
            # It begins where the heading does begin to change.
            change = np.abs(yaw[begin : begin + span + 1] - yaw[begin]) > 0.1 * TURN_RAD
            start = begin + max(int(change.argmax()) - 1, 0)
            return (RouteCommand.RIGHT if turned > 0 else RouteCommand.LEFT), float(start if begin else 0.0)
    return RouteCommand.LANE_FOLLOW, math.inf
