"""Steering along the route without a policy, for takeover requests and the safe stop.

Pure pursuit (Coulter, CMU-RI-TR-92-01) on the route ahead. Not a driver: it knows nothing of speed or other cars.
"""

from __future__ import annotations

import math

import numpy as np

from recorder.schema import Pose, RouteState

WHEELBASE_M = 2.9
MAX_STEER_RAD = math.radians(70.0)
"""Front wheel angle at steer = 1 of CARLA's cars."""
LOOKAHEAD_M = 3.0
LOOKAHEAD_S = 0.5
MAX_STEER = 0.4
"""Limit of this steering, enough for every turn of a town at walking pace."""
MAX_OFFSET_M = 3.5
"""Farther beside the route than this (a lane's width) the wheels are held straight: crossing lanes would be unsafe."""


def lane_steer(pose: Pose, speed_mps: float, route: RouteState) -> float:
    """CARLA steer (-1..1) from `pose` towards the route; 0 where the route is too far away to be headed for."""
    if abs(route.lateral_offset_m) > MAX_OFFSET_M or abs(route.heading_error_rad) > math.pi / 2.0:
        return 0.0
    rear_x = pose.x - 0.5 * WHEELBASE_M * math.cos(pose.yaw)
    rear_y = pose.y - 0.5 * WHEELBASE_M * math.sin(pose.yaw)
    dx = route.ahead_world[:, 0].astype(np.float64) - rear_x
    dy = route.ahead_world[:, 1].astype(np.float64) - rear_y
    lookahead = LOOKAHEAD_M + LOOKAHEAD_S * max(speed_mps, 0.0)
    far_enough = np.flatnonzero(np.hypot(dx, dy) >= lookahead)
    target = int(far_enough[0]) if len(far_enough) else len(dx) - 1
    x = math.cos(pose.yaw) * dx[target] + math.sin(pose.yaw) * dy[target]
    y = -math.sin(pose.yaw) * dx[target] + math.cos(pose.yaw) * dy[target]
    if x <= 0.0:
        return 0.0
    curvature = 2.0 * y / max(x * x + y * y, 1.0)
    steer = math.atan(curvature * WHEELBASE_M) / MAX_STEER_RAD
    return float(min(max(steer, -MAX_STEER), MAX_STEER))
