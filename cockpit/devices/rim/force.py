"""The torque of the rim's motor: the road's feedback while the person drives, the policy's steering while it drives.

Pure: from the vehicle's state and the rim's angle to a torque of -1..1 of what the profile allows, to the right
positive. Self-aligning torque after the brush model (Pacejka, Tyre and Vehicle Dynamics, 2012, chapter 3): it grows
with the front tyres' slip and fades when they slide, which is how a driver feels the limit. `motor` sends it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recorder.schema import Authority, Tick

WATCHDOG_S = 0.1
"""Watchdog: without a tick from the session for this long there is no force."""
SERVO_MOST = 0.5
"""Limit of the torque that follows the policy, as a share of what the profile allows: the driver's hand is stronger."""
SERVO_STIFFNESS = 6.0
"""Torque per unit of steering error: full torque at a twelfth of the range, 37 degrees of a 900 degree rim."""
SERVO_DAMPING = 1.8
"""Torque against the rim's speed, per unit of steer a second."""
FADE_S = 0.3
"""When the driver gets the car, the road's torque is faded in over this time, so that the rim does not jerk."""
FRONT_AXLE_M = 1.4
"""From the reference point to the front axle of a usual car."""
LOCK_RAD = math.radians(70.0)
"""Angle of the front wheels at steer 1 on CARLA's cars (`VehiclePhysicsControl`, Tesla Model 3)."""
SLIDES_AT_RAD = math.radians(8.0)
"""Slip at which the front tyres slide; the self-aligning torque is greatest at a quarter to a third of it."""
ALIGNING_MOST = 0.8
CASTER = 0.25
"""Share of the pull to the middle that comes from the axle's geometry and does not fade."""
TEXTURE_MOST = 0.06
"""The road's grain, at 30 m/s and above."""
END_STOP = 12.0
"""Torque per unit of steer beyond the lock."""
DAMPING = 0.08
"""Against the rim's speed while the person drives, so that the motor's pull does not ring."""
RUNAWAY_S = 0.6
"""Pushing at full servo strength this long while the rim moves the other way: the motor's sign is wrong."""


@dataclass(frozen=True, slots=True)
class ForceDemand:
    """The values of a tick from which the motor's torque follows."""

    follows: bool
    """The policy (or the safe stop) steers, and the rim follows."""
    target: float
    """Steering that is applied, -1..1."""
    speed_mps: float
    slip_rad: float
    """Slip angle of the front tyres; positive pushes the rim to the left."""
    bump: float
    """Vertical acceleration, m/s^2."""
    distance_m: float
    since_s: float
    """How long the present driver has the car."""


def demand_from_tick(tick: Tick) -> ForceDemand:
    """The motor's demand from the newest tick."""
    ego, yaw = tick.ego, tick.ego.pose.yaw
    vx, vy, _ = ego.velocity_mps
    ahead, side = math.cos(yaw) * vx + math.sin(yaw) * vy, -math.sin(yaw) * vx + math.cos(yaw) * vy
    return ForceDemand(
        follows=tick.authority.authority is not Authority.HUMAN,
        target=tick.control.steer,
        speed_mps=ego.speed_mps,
        slip_rad=front_slip_rad(ahead, side, ego.angular_velocity_radps[2], tick.control.steer),
        bump=ego.acceleration_mps2[2],
        distance_m=tick.route.driven_m,
        since_s=tick.time_s - tick.authority.since_time_s,
    )


def front_slip_rad(ahead_mps: float, side_mps: float, yaw_rate_radps: float, steer: float) -> float:
    """Angle between where the front wheels point and where they go, to the right positive; 0 when nearly standing."""
    if abs(ahead_mps) < 0.5:
        return 0.0
    goes = math.atan2(side_mps + FRONT_AXLE_M * yaw_rate_radps, abs(ahead_mps))
    return steer * LOCK_RAD - goes if ahead_mps > 0.0 else 0.0


def aligning_torque(slip_rad: float, speed_mps: float) -> float:
    """Torque that turns the rim against the slip, -1..1: the tyres' (it fades as they slide) and the axle's caster."""
    share = min(abs(slip_rad) / SLIDES_AT_RAD, 1.0)
    side = math.copysign(1.0, slip_rad) if slip_rad else 0.0
    lateral = 1.0 - (1.0 - share) ** 3
    tyres = 9.48 * share * (1.0 - share) ** 3  # 256/27: its greatest value, at a quarter of the slip, is 1
    moving = min(speed_mps / 5.0, 1.0)
    return -side * ALIGNING_MOST * moving * ((1.0 - CASTER) * tyres + CASTER * lateral)


def road_texture(distance_m: float, speed_mps: float, bump_mps2: float) -> float:
    """The grain of the road and the kicks of its bumps."""
    grain = math.sin(distance_m * 9.7) * math.sin(distance_m * 23.1 + 1.0)
    kick = max(-1.0, min(1.0, bump_mps2 / 30.0))
    return TEXTURE_MOST * min(speed_mps / 30.0, 1.0) * grain + TEXTURE_MOST * kick * min(speed_mps / 5.0, 1.0)


def servo_torque(target: float, steer: float, rate_per_s: float) -> float:
    """Torque that brings the rim to `target`, limited so that the driver's hand is stronger."""
    torque = SERVO_STIFFNESS * (target - steer) - SERVO_DAMPING * rate_per_s
    return max(-SERVO_MOST, min(SERVO_MOST, torque))


def end_stop_torque(turned: float) -> float:
    """Torque back from beyond the lock; `turned` is the rim in units of steer, not cut at 1."""
    beyond = abs(turned) - 1.0
    return -math.copysign(min(1.0, END_STOP * beyond), turned) if beyond > 0.0 else 0.0


def torque(demand: ForceDemand | None, age_s: float, turned: float, rate_per_s: float) -> float:
    """The motor's torque now, -1..1, to the right positive.

    `turned` is the rim in units of steer (beyond 1 past the lock), `rate_per_s` its speed, `age_s` how old `demand` is.
    """
    if demand is None or age_s > WATCHDOG_S or not _is_sound(demand, turned, rate_per_s):
        return 0.0
    stop = end_stop_torque(turned)
    if demand.follows:
        output = servo_torque(demand.target, turned, rate_per_s)
    else:
        fade = max(0.0, min(1.0, demand.since_s / FADE_S))
        road = aligning_torque(demand.slip_rad, demand.speed_mps)
        road += road_texture(demand.distance_m, demand.speed_mps, demand.bump)
        output = fade * road - DAMPING * rate_per_s
    return max(-1.0, min(1.0, output + stop))


def _is_sound(demand: ForceDemand, *rim: float) -> bool:
    """Whether every number is finite and plausible: the motor is moved by nothing else."""
    values = (demand.target, demand.speed_mps, demand.slip_rad, demand.bump, demand.distance_m, demand.since_s)
    return all(abs(value) < 1e6 for value in (*values, *rim))


@dataclass(slots=True)
class Runaway:
    """Notices a motor whose sign is wrong: it pushes the rim away from where it should go, harder and harder."""

    since_s: float | None = None

    def update(self, now_s: float, servo: float, rate_per_s: float) -> bool:
        """Whether the motor must be switched off. `servo` is the commanded torque, `rate_per_s` the rim's response."""
        is_wrong = abs(servo) >= 0.9 * SERVO_MOST and rate_per_s * servo < -0.05
        if not is_wrong:
            self.since_s = None
            return False
        self.since_s = now_s if self.since_s is None else self.since_s
        return now_s - self.since_s >= RUNAWAY_S
