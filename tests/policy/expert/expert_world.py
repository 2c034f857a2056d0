"""A small world for the drivers' tests: hand-made routes, ticks as the session would make them, and a small plant.

The plant is a kinematic bicycle with lagging steering, and pedals stronger or weaker than the tracker assumes, so that
no test passes only because model and controller share their code.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    Control,
    DriverInput,
    LightColour,
    LightState,
    Plan,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    Tick,
)

DT_S = 0.05
WHEELBASE_M = 3.0


def arc_route(*pieces: tuple[float, float]) -> np.ndarray:
    """(N, 4) x, y, z, yaw at 1 m steps of pieces (length in metres, curvature in 1/m, right positive)."""
    x = y = yaw = 0.0
    rows = [(x, y, 0.0, yaw)]
    fine = 0.1
    for length, curvature in pieces:
        for index in range(round(length / fine)):
            yaw += curvature * fine
            x += math.cos(yaw) * fine
            y += math.sin(yaw) * fine
            if (index + 1) % 10 == 0:
                rows.append((x, y, 0.0, yaw))
    return np.array(rows, np.float32)


def actor(
    actor_id: int, x: float, y: float, yaw: float = 0.0, speed: float = 0.0, kind: str = "vehicle.audi.tt", **changes
) -> ActorState:
    extent = (0.25, 0.25, 0.9) if kind.startswith("walker") else (2.4, 1.0, 0.75)
    return dataclasses.replace(
        ActorState(
            actor_id,
            kind,
            "",
            Pose(x=x, y=y, yaw=yaw),
            (speed * math.cos(yaw), speed * math.sin(yaw), 0.0),
            (0.0, 0.0, 0.0),
            (0.0, 0.0, 0.0),
            extent,
        ),
        **changes,
    )


class World:
    """One car on one route; `step(control)` moves it, `tick()` gives the true state."""

    def __init__(self, route: np.ndarray, offset_m: float = 0.0, heading_rad: float = 0.0, speed_mps: float = 8.0):
        self.route = route
        self.x, self.y, self.yaw = 0.0, offset_m, heading_rad
        self.speed, self.wheel, self.acceleration, self.yaw_rate = speed_mps, 0.0, 0.0, 0.0
        self.frame = 0
        self.others: list[ActorState] = []
        self.lights: list[tuple[float, LightColour]] = []
        self.limit_mps = 13.9
        self.command, self.command_distance_m, self.in_junction = RouteCommand.LANE_FOLLOW, math.inf, False
        self.authority = Authority.POLICY
        self.plan: Plan | None = None
        self.delay: list[Control] = []

    @property
    def time_s(self) -> float:
        return self.frame * DT_S

    def ego(self) -> ActorState:
        forward = (math.cos(self.yaw), math.sin(self.yaw))
        return dataclasses.replace(
            actor(1, self.x, self.y, self.yaw, self.speed, "vehicle.tesla.model3"),
            acceleration_mps2=(self.acceleration * forward[0], self.acceleration * forward[1], 0.0),
            angular_velocity_radps=(0.0, 0.0, self.yaw_rate),
        )

    def station(self) -> float:
        route = self.route
        nearest = int(np.argmin(np.hypot(route[:, 0] - self.x, route[:, 1] - self.y)))
        yaw = float(route[nearest, 3])
        along = (self.x - route[nearest, 0]) * math.cos(yaw) + (self.y - route[nearest, 1]) * math.sin(yaw)
        return float(nearest + along)

    def route_state(self) -> RouteState:
        station = self.station()
        count = np.arange(len(self.route))
        at = np.minimum(station + np.arange(81.0), len(self.route) - 1.0)
        ahead = np.stack([np.interp(at, count, self.route[:, column]) for column in range(4)], axis=1)
        x, y, _, yaw = ahead[0]
        lateral = -(self.x - x) * math.sin(yaw) + (self.y - y) * math.cos(yaw)
        lights = [(index, line - station) for index, (line, _) in enumerate(self.lights) if line - station > -0.5]
        return RouteState(
            command=self.command,
            command_distance_m=self.command_distance_m,
            driven_m=station,
            length_m=len(self.route) - 1.0,
            lateral_offset_m=float(lateral),
            heading_error_rad=float((self.yaw - yaw + math.pi) % (2 * math.pi) - math.pi),
            ahead_world=ahead.astype(np.float32),
            speed_limit_mps=self.limit_mps,
            next_light_id=100 + lights[0][0] if lights else -1,
            next_light_distance_m=lights[0][1] if lights else math.inf,
            in_junction=self.in_junction,
        )

    def tick(self, **changes) -> Tick:
        lights = tuple(
            LightState(100 + index, colour, 1.0, Pose(x=line)) for index, (line, colour) in enumerate(self.lights)
        )
        tick = Tick(
            frame=self.frame,
            time_s=self.time_s,
            wall_time_s=0.0,
            delta_s=DT_S,
            ego=self.ego(),
            actors=tuple(self.others),
            lights=lights,
            route=self.route_state(),
            cameras={},
            driver=DriverInput(),
            plan=self.plan,
            policy_control=None,
            control=Control(),
            authority=AuthorityState(self.authority, Reason.SESSION_START, 0, 0.0),
        )
        return dataclasses.replace(tick, **changes)

    def step(self, control: Control, delay_ticks: int = 1) -> None:
        self.delay.append(control)
        control = self.delay.pop(0) if len(self.delay) > delay_ticks else Control()
        self.wheel += (control.steer * math.radians(70.0) - self.wheel) * min(DT_S / 0.1, 1.0)
        before = self.speed
        drag = 0.4 + 0.001 * self.speed**2 if self.speed > 0 else 0.0
        self.speed = max(self.speed + (4.2 * control.throttle - 8.0 * control.brake - drag) * DT_S, 0.0)
        self.acceleration = (self.speed - before) / DT_S
        slip = math.atan(0.5 * math.tan(self.wheel))
        self.yaw_rate = self.speed * math.cos(slip) * math.tan(self.wheel) / WHEELBASE_M
        self.x += self.speed * math.cos(self.yaw + slip) * DT_S
        self.y += self.speed * math.sin(self.yaw + slip) * DT_S
        self.yaw += self.yaw_rate * DT_S
        self.frame += 1
        self.others = [_moved(other) for other in self.others]


def _moved(other: ActorState) -> ActorState:
    pose = dataclasses.replace(
        other.pose, x=other.pose.x + other.velocity_mps[0] * DT_S, y=other.pose.y + other.velocity_mps[1] * DT_S
    )
    return dataclasses.replace(other, pose=pose)


def plan_of(world: World, trajectory: np.ndarray) -> Plan:
    from recorder.schema import Direction, SpeedAction

    return Plan(
        world.frame, world.time_s, Direction.FOLLOW_LANE, SpeedAction.KEEP, (0,) * len(trajectory),
        trajectory.astype(np.float32), "",
    )  # fmt: skip
