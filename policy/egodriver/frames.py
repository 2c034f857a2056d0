"""Between CARLA's frames and the contract's.

The contract is right-handed: *local* is the world with y to the left, *rig* is the ego with x forward, y left, z up and
its origin on the ground below the rear axle. CARLA's frames have y to the right, the ego's origin between the axles.
Mirroring y turns roll as it is, pitch and yaw the other way, and rates (pseudovectors) about x and z.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from carla_driver_interface.geometry import Pose as RigidPose
from carla_driver_interface.geometry import Trajectory, body_to_optical
from carla_driver_interface.protocol import (
    AvailableCamera,
    CameraSpec,
    DynamicState,
    OpenCVPinholeCameraParam,
    ShutterType,
    Vec3,
)
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from policy.control.geometry import ego_from_world
from policy.control.tracking import DEFAULT_TRACKING
from recorder.schema import ActorState, CameraFrame, Pose

REAR_AXLE_M = DEFAULT_TRACKING.wheelbase_m / 2.0
"""The rear axle lies so far behind the ego's origin."""
MIRROR = np.array([1.0, -1.0, 1.0])


def mirrored(pose: Pose) -> RigidPose:
    """A pose in a frame of CARLA's in the same frame with y to the left."""
    turn = Rotation.from_euler("ZYX", [-pose.yaw, -pose.pitch, pose.roll])
    return RigidPose.from_rotation(np.array([pose.x, -pose.y, pose.z]), turn)


def rig_in_local(ego: Pose) -> RigidPose:
    """Where the rig is when the ego's origin is at `ego`."""
    return mirrored(ego) @ RigidPose.from_xyz_yaw(-REAR_AXLE_M, 0.0, 0.0, 0.0)


def unmirrored(pose: RigidPose) -> Pose:
    """A pose in a frame with y to the left in the same frame of CARLA's."""
    yaw, pitch, roll = (float(angle) for angle in pose.rotation.as_euler("ZYX"))
    x, y, z = (float(value) for value in pose.position)
    return Pose(x=x, y=-y, z=z, roll=roll, pitch=-pitch, yaw=-yaw)


def ego_of_rig(rig_in_local: RigidPose) -> Pose:
    """Where the ego's origin is when the rig is there."""
    return unmirrored(rig_in_local @ RigidPose.from_xyz_yaw(REAR_AXLE_M, 0.0, 0.0, 0.0))


def motion_of_rig(
    state: DynamicState, rig_in_local: RigidPose
) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]:
    """Velocity, acceleration and rates of turn of the ego's origin in CARLA's world, from those of the rear axle."""
    rates = _array(state.angular_velocity)
    velocity = _array(state.linear_velocity) + np.cross(rates, [REAR_AXLE_M, 0.0, 0.0])
    turn = rig_in_local.rotation
    return (
        _triple(turn.apply(velocity) * MIRROR),
        _triple(turn.apply(_array(state.linear_acceleration)) * MIRROR),
        _triple(-turn.apply(rates) * MIRROR),
    )


def plan_in_rig(path_ego: NDArray[np.floating], now_us: int, step_s: float) -> Trajectory:
    """A path (T, 3) of the ego's origin in its own frame as a plan of the rear axle in the rig frame."""
    plan = Trajectory.empty()
    ahead, back = (RigidPose.from_xyz_yaw(sign * REAR_AXLE_M, 0.0, 0.0, 0.0) for sign in (1.0, -1.0))
    for index, (x, y, yaw) in enumerate(np.asarray(path_ego, np.float64), start=1):
        there = ahead @ RigidPose.from_xyz_yaw(x, -y, 0.0, -yaw) @ back
        plan.append(now_us + round(index * step_s * 1e6), there)
    return plan


def motion_in_rig(ego: ActorState) -> DynamicState:
    """Velocity and acceleration of the rear axle and the rates of turn, in the rig frame."""
    to_rig = mirrored(ego.pose).rotation.inv()
    rates = to_rig.apply(-np.array(ego.angular_velocity_radps) * MIRROR)
    arm = np.array([-REAR_AXLE_M, 0.0, 0.0])
    velocity = to_rig.apply(np.array(ego.velocity_mps) * MIRROR) + np.cross(rates, arm)
    acceleration = to_rig.apply(np.array(ego.acceleration_mps2) * MIRROR)
    return DynamicState(
        linear_velocity=_vector(velocity),
        angular_velocity=_vector(rates),
        linear_acceleration=_vector(acceleration),
    )


def route_in_rig(ahead_world: NDArray[Any], ego: Pose) -> NDArray[np.float64]:
    """(N + 1, 3) points of the route ahead in the rig frame, the first beside the rear axle.

    `ahead_world` is `RouteState.ahead_world`, which begins beside the ego's origin.
    """
    ahead = np.asarray(ahead_world, np.float64)
    along = np.array([np.cos(ahead[0, 3]), np.sin(ahead[0, 3]), 0.0])
    points = np.vstack((ahead[0, :3] - REAR_AXLE_M * along, ahead[:, :3]))
    return rig_in_local(ego).inverse().transform_points(points * MIRROR)


def declared_camera(frame: CameraFrame, logical_id: str) -> AvailableCamera:
    """One of the session's cameras as contract revision 2 declares it: an ideal pinhole by its optical frame."""
    height_px, width_px = frame.image.shape[:2]
    focal_px = width_px / (2.0 * np.tan(frame.fov_rad / 2.0))
    body = RigidPose.from_xyz_yaw(REAR_AXLE_M, 0.0, 0.0, 0.0) @ mirrored(frame.pose_in_ego)
    lens = OpenCVPinholeCameraParam(
        principal_point_x=width_px / 2.0,
        principal_point_y=height_px / 2.0,
        focal_length_x=focal_px,
        focal_length_y=focal_px,
    )
    spec = CameraSpec(
        opencv_pinhole_param=lens,
        logical_id=logical_id,
        resolution_w=width_px,
        resolution_h=height_px,
        shutter_type=ShutterType.GLOBAL,
    )
    mount = body_to_optical(body).to_proto()
    return AvailableCamera(intrinsics=spec, rig_to_camera=mount, logical_id=logical_id)


def trajectory_in_ego(plan: Trajectory, now_us: int, ego: Pose, step_s: float) -> NDArray[np.float32]:
    """(T, 3) x, y, yaw of the ego's origin at every `step_s` of a plan in the local frame, in the frame of `ego`.

    A plan that is empty or over means to stand: two points where the ego is.
    """
    ends_s = (plan.timestamps_us[-1] - now_us) / 1e6 if len(plan) else 0.0
    count = int(ends_s / step_s + 1e-3)
    if count < 1:
        return np.zeros((2, 3), np.float32)
    poses = [plan.interpolate(now_us + round((index + 1) * step_s * 1e6)) for index in range(count)]
    return ego_from_world(_origins(poses), ego).astype(np.float32)


def _origins(rigs: Sequence[RigidPose | None]) -> NDArray[np.float64]:
    """(T, 3) x, y, yaw of the ego's origin in CARLA's world."""
    forward = RigidPose.from_xyz_yaw(REAR_AXLE_M, 0.0, 0.0, 0.0)
    origins = [rig @ forward for rig in rigs if rig is not None]
    return np.array([(pose.position[0], -pose.position[1], -pose.yaw) for pose in origins])


def _vector(values: NDArray[np.float64]) -> Vec3:
    return Vec3(x=float(values[0]), y=float(values[1]), z=float(values[2]))


def _array(vector: Vec3) -> NDArray[np.float64]:
    return np.array([vector.x, vector.y, vector.z])


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
