"""CARLA's Ackermann controller: target steering angle, speed and acceleration turned into pedals.

Two PID controllers in a row, as in CARLA 0.9.16: the first turns the error in speed into a target acceleration, the
second the error in acceleration into a pedal; each adds its output to its last one. Gains and limits are CARLA's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

STANDING_MPS = 0.1
MAX_ACCEL_MPS2 = 3.0
MAX_DECEL_MPS2 = 8.0
ACCELERATION_MEMORY = 0.8
"""Share of the old value in the running mean of the acceleration."""


@dataclass
class Pid:
    """A PID controller whose output is held to [-1, 1]; the derivative is of the input."""

    kp: float
    ki: float
    kd: float
    integral: float = 0.0
    last_input: float = 0.0

    def run(self, target: float, value: float, dt_s: float) -> float:
        """Output for the present error."""
        error = target - value
        self.integral = _clip(self.integral + self.ki * error * dt_s, 1.0)
        derivative = -self.kd * (value - self.last_input) / dt_s
        self.last_input = value
        return _clip(self.kp * error + self.integral + derivative, 1.0)


@dataclass(frozen=True)
class AckermannTarget:
    """`carla.VehicleAckermannControl`: radians, radians/s, m/s, m/s2."""

    steer_rad: float = 0.0
    steer_speed_radps: float = 0.0
    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0


@dataclass(frozen=True)
class Pedals:
    """What the controller outputs; pedals in 0..1, steering as a share of the lock."""

    throttle: float
    steer: float
    brake: float
    reverse: bool


@dataclass
class Ackermann:
    """The controller of one vehicle."""

    max_steer_rad: float
    target: AckermannTarget = field(default_factory=AckermannTarget)
    speed: Pid = field(default_factory=lambda: Pid(0.15, 0.0, 0.25))
    acceleration: Pid = field(default_factory=lambda: Pid(0.01, 0.0, 0.01))
    target_mps2: float = 0.0
    pedal: float = 0.0
    reverse: bool = False
    last_mps: float = 0.0
    mean_mps2: float = 0.0

    def gains(self) -> list[float]:
        """`carla.AckermannControllerSettings` as on the wire."""
        return [*(self.speed.kp, self.speed.ki, self.speed.kd), *_gains(self.acceleration)]

    def set_gains(self, gains: tuple[float, ...]) -> None:
        """Take six gains in the order of `gains`; ValueError when there are not six."""
        self.speed.kp, self.speed.ki, self.speed.kd, *rest = gains
        self.acceleration.kp, self.acceleration.ki, self.acceleration.kd = rest

    def run(self, speed_mps: float, steer: float, dt_s: float) -> Pedals:
        """Pedals for one step; `speed_mps` is forwards, `steer` the present steering (share of the lock)."""
        measured = (speed_mps - self.last_mps) / dt_s
        self.mean_mps2 = ACCELERATION_MEMORY * self.mean_mps2 + (1.0 - ACCELERATION_MEMORY) * measured
        self.last_mps = speed_mps
        wheel = self._steer(steer, dt_s)
        stands = abs(speed_mps) < STANDING_MPS
        if stands and abs(self.target.speed_mps) < STANDING_MPS:
            return Pedals(0.0, wheel, 1.0, self.reverse)
        target_mps = self.target.speed_mps
        if stands:
            self.reverse = target_mps < 0.0
        elif speed_mps * target_mps < 0.0:
            target_mps = 0.0  # to a halt first, then the other way
        self.target_mps2 = self._limited(self.target_mps2 + self.speed.run(target_mps, speed_mps, dt_s))
        self.pedal = _clip(self.pedal + self.acceleration.run(self.target_mps2, self.mean_mps2, dt_s), 1.0)
        forwards = self.pedal >= 0.0
        throttle, brake = (abs(self.pedal), 0.0) if forwards != self.reverse else (0.0, abs(self.pedal))
        return Pedals(throttle, wheel, brake, self.reverse)

    def _steer(self, steer: float, dt_s: float) -> float:
        angle = _clip(self.target.steer_rad, self.max_steer_rad)
        speed = abs(self.target.steer_speed_radps)
        if speed < 0.001:
            return angle / self.max_steer_rad
        now = steer * self.max_steer_rad
        return (now + _clip(angle - now, speed * dt_s)) / self.max_steer_rad

    def _limited(self, acceleration_mps2: float) -> float:
        limit = abs(self.target.acceleration_mps2)
        if limit < 1e-4:
            return min(max(acceleration_mps2, -MAX_DECEL_MPS2), MAX_ACCEL_MPS2)
        return _clip(acceleration_mps2, limit)


def _gains(pid: Pid) -> tuple[float, float, float]:
    return pid.kp, pid.ki, pid.kd


def _clip(value: float, limit: float) -> float:
    return math.copysign(min(abs(value), limit), value)
