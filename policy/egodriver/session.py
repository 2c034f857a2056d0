"""One session of the egodriver contract: what a runtime says to a policy server, in the order that AlpaSim says it."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence

import grpc
from carla_driver_interface.contract import CONTRACT_REVISION, cameras_to_revision, contract_metadata, negotiate
from carla_driver_interface.geometry import Trajectory, waypoints_to_proto
from carla_driver_interface.protocol import (
    DriveRequest,
    DriveSessionCloseRequest,
    DriveSessionRequest,
    EgodriverServiceStub,
    RolloutCameraImage,
    RolloutEgoTrajectory,
    Route,
    RouteRequest,
    channel_options,
)
from PIL import Image

from policy.egodriver import frames
from recorder.schema import ActorState, CameraFrame, Tick, is_policy_camera

LOGICAL_IDS = {"front": "camera_front"}
"""What the server is told our cameras are called; others keep their name behind `camera_`."""
PLAN_STEP_S = 0.25
"""Time between the points of a recorded plan."""
NEXT_DRIVE_S = 0.1
"""A plan is asked for about so often: AlpaSim's rate."""


class Wire:
    """A channel to a server, and the session at hand. Every call raises `grpc.RpcError` when the server fails."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self._channel = grpc.insecure_channel(address, options=channel_options())
        self._stub = EgodriverServiceStub(self._channel)
        self._timeout_s = timeout_s
        self._session = ""
        self._revision = CONTRACT_REVISION

    def version(self) -> str:
        """What the server calls its policy; raises ContractError for a revision that cannot be spoken."""
        version, self._revision = negotiate(self._stub, timeout=self._timeout_s)
        return version.version_id

    def start(self, cameras: Sequence[CameraFrame], seed: int = 0) -> None:
        """Begin a session with the cameras of a tick."""
        self.version()
        session = str(uuid.uuid4())
        request = DriveSessionRequest(session_uuid=session, random_seed=seed)
        declared = [frames.declared_camera(camera, logical_id(camera.name)) for camera in cameras]
        declared = cameras_to_revision(declared, CONTRACT_REVISION, self._revision)
        request.rollout_spec.vehicle.available_cameras.extend(declared)
        metadata = contract_metadata(self._revision)
        self._stub.start_session(request, timeout=self._timeout_s, metadata=metadata)
        self._session = session

    def end(self) -> None:
        """End the session, if there is one."""
        session, self._session = self._session, ""
        if session:
            self._stub.close_session(DriveSessionCloseRequest(session_uuid=session), timeout=self._timeout_s)

    def forget(self) -> None:
        """The server failed: begin anew."""
        self._session = ""

    @property
    def is_open(self) -> bool:
        """Whether a session is on."""
        return bool(self._session)

    def drive(self, tick: Tick, moves: Sequence[tuple[float, ActorState]]) -> tuple[Trajectory, bool]:
        """Everything observed up to `tick`, then the plan (local frame) and whether the policy ends the session.

        `moves` are the simulation times and states of the ego since the last call, `tick`'s own included.
        """
        now_us = microseconds(tick.time_s)
        self._submit(now_us, tick, moves)
        request = DriveRequest(
            session_uuid=self._session, time_now_us=now_us, time_query_us=now_us + microseconds(NEXT_DRIVE_S)
        )
        response = self._stub.drive(request, timeout=self._timeout_s)
        return Trajectory.from_proto(response.trajectory), response.terminate_session

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _submit(self, now_us: int, tick: Tick, moves: Sequence[tuple[float, ActorState]]) -> None:
        motion = RolloutEgoTrajectory(session_uuid=self._session)
        poses = [frames.rig_in_local(ego.pose) for _, ego in moves]
        motion.trajectory.CopyFrom(Trajectory([microseconds(time_s) for time_s, _ in moves], poses).to_proto())
        motion.dynamic_states.extend(frames.motion_in_rig(ego) for _, ego in moves)
        self._stub.submit_egomotion_observation(motion, timeout=self._timeout_s)
        points = waypoints_to_proto(frames.route_in_rig(tick.route.ahead_world, tick.ego.pose))
        route = RouteRequest(session_uuid=self._session, route=Route(timestamp_us=now_us, waypoints=points))
        self._stub.submit_route(route, timeout=self._timeout_s)
        for camera in cameras_of(tick):
            picture = RolloutCameraImage(session_uuid=self._session)
            picture.camera_image.logical_id = logical_id(camera.name)
            picture.camera_image.frame_start_us = picture.camera_image.frame_end_us = now_us
            picture.camera_image.image_bytes = _png(camera)
            self._stub.submit_image_observation(picture, timeout=self._timeout_s)


def cameras_of(tick: Tick) -> list[CameraFrame]:
    """The cameras of a tick that are the policy's."""
    return [camera for name, camera in sorted(tick.cameras.items()) if is_policy_camera(name)]


def logical_id(name: str) -> str:
    """The contract's name of one of our cameras."""
    return LOGICAL_IDS.get(name, f"camera_{name}")


def microseconds(time_s: float) -> int:
    """Simulation time as the contract counts it."""
    return round(time_s * 1e6)


def _png(camera: CameraFrame) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(camera.image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
