"""How often noise counts as an override, and how late a real one is: the trade-off of the steering override's settings.

    python -m benchmarks.overrides

Rims are simulated, not recorded: a wheel that nobody holds (sensor noise of one count in 65,536, potholes that kick it
by up to 12 degrees and swing out at 6 Hz, a hand's weight that comes and goes) beside a policy that drives bends, an
hour for each setting; and 400 takeovers, minimum-jerk movements (Flash and Hogan 1985) of 15 to 120 degrees in 0.15 to
0.6 s. Delay is counted from the tick in which the hand has moved the rim by 3 degrees.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cockpit.authority.arbitration import arbitrate
from cockpit.authority.state import ArbiterInputs, ArbiterState, Rest
from cockpit.config import ArbitrationConfig
from recorder.schema import Authority, Control, DriverInput, DriverKind, Reason

DT_S = 0.05
HOUR_S = 3600.0
"""Simulated time for each row."""
FULL_DEG = 450.0
SEEN_DEG = 3.0
SPEEDS_MPS = (8.0, 20.0)
DEFAULT = ArbitrationConfig()
SETTINGS = {
    "default": DEFAULT,
    "no gentle hands": DEFAULT.model_copy(update={"steer_hint_s": 1e9}),
    "gentle at once": DEFAULT.model_copy(update={"steer_hint_s": DT_S}),
    "all held for 0.15 s": DEFAULT.model_copy(update={"steer_override": 1.0, "steer_override_fast": 0.99}),
    "half the dead band": DEFAULT.model_copy(update={"steer_dead_band": 0.025}),
    "a quarter of the dead band": DEFAULT.model_copy(update={"steer_dead_band": 0.0125}),
    "threshold 0.2 (TakeAD)": DEFAULT.model_copy(update={"steer_override": 0.2, "steer_override_fast": 0.2}),
    "threshold 0.06": DEFAULT.model_copy(update={"steer_override": 0.06, "steer_override_fast": 0.06}),
}
HINT_OF_ALL = 0.12
"""For "all held": the gentle threshold is the default's clear one."""


def policy_steers(count: int, rng: np.random.Generator) -> np.ndarray:
    """Bends and straights: smooth steering with pauses, -0.5..0.5."""
    knots = rng.choice([0.0, 0.0, 0.1, -0.1, 0.3, -0.3, 0.5, -0.5], size=count // 60 + 2)
    return np.interp(np.arange(count), np.arange(len(knots)) * 60, knots)


def noise_deg(count: int, rng: np.random.Generator) -> np.ndarray:
    """The angle of a rim that nobody holds: sensor noise, a pothole every 20 s, now and then a hand resting on it."""
    angle = rng.integers(-1, 2, count) * 900.0 / 65536.0
    time_s = np.arange(0, 1.0, DT_S)
    for _ in range(max(1, count // 400)):
        at, kick = rng.integers(0, count), rng.uniform(2.0, 12.0) * rng.choice([-1, 1])
        swing = kick * np.exp(-time_s / 0.15) * np.cos(2 * math.pi * 6.0 * time_s)
        angle[at : at + len(swing)] += swing[: count - at]
    for _ in range(max(1, count // 2400)):
        at, length, weight = rng.integers(0, count), rng.integers(20, 200), rng.uniform(-15.0, 15.0)
        angle[at : at + length] += weight
    return angle


def claims(
    angle_deg: np.ndarray, policy: np.ndarray, speed: float, config: ArbitrationConfig, servo: bool
) -> list[int]:
    """Ticks in which the steering counted as an override; the policy gets the car back at once."""
    fresh = ArbiterState(Authority.POLICY, Reason.SESSION_START, 0, -10.0, rest=Rest(0.0, 0.0))
    state, found = fresh, []
    for number, (angle, policy_steer) in enumerate(zip(angle_deg, policy, strict=True)):
        driver = DriverInput(kind=DriverKind.HUMAN, steer=float(angle / FULL_DEG), has_servo=servo)
        control = Control(throttle=0.3, steer=float(policy_steer))
        inputs = ArbiterInputs(number, number * DT_S, driver, speed, control, 0.1, speed)
        state = arbitrate(state, inputs, config).state
        if state.authority is Authority.HUMAN:
            found.append(number)
            state = replace(fresh, rest=Rest(driver.steer, 0.0), since_time_s=number * DT_S)
    return found


def false_per_hour(config: ArbitrationConfig, speed: float, servo: bool) -> float:
    """False overrides per simulated hour."""
    rng = np.random.default_rng(1)
    count = round(HOUR_S / DT_S)
    policy = policy_steers(count, rng)
    angle = noise_deg(count, rng)
    if servo:  # the motor brings the rim along, three ticks late
        angle = angle + FULL_DEG * np.concatenate([np.zeros(3), policy[:-3]])
    return len(claims(angle, policy, speed, config, servo)) * 3600.0 / HOUR_S


def delays_ms(config: ArbitrationConfig, speed: float, servo: bool) -> np.ndarray:
    """(400,) ms from when the hand has moved the rim by 3 degrees to the override; inf where none follows."""
    rng, delays = np.random.default_rng(2), []
    for _ in range(400):
        size = rng.uniform(15.0, 120.0) * rng.choice([-1, 1])
        length_s, phase_s = rng.uniform(0.15, 0.6), rng.uniform(0.0, DT_S)
        share = np.clip((np.arange(40) * DT_S - 0.5 + phase_s) / length_s, 0.0, 1.0)
        hand = size * (10 * share**3 - 15 * share**4 + 6 * share**5)
        held = float(rng.choice([0.0, 0.0, 0.2, -0.2]))
        policy = np.full(40, held)
        found = claims(hand + (FULL_DEG * held if servo else 0.0), policy, speed, config, servo)
        begun = int(np.argmax(np.abs(hand) > SEEN_DEG))
        delays.append((found[0] - begun) * DT_S * 1000.0 if found else math.inf)
    return np.array(delays)


def main() -> None:
    head = f"{'setting':28s} {'speed':>6s} {'rim':>6s} {'false/h':>8s} {'p50 ms':>7s} {'p95 ms':>7s} {'never':>6s}"
    print(head)
    for name, config in SETTINGS.items():
        if name.startswith("all held"):
            config = config.model_copy(update={"steer_hint": HINT_OF_ALL})
        for speed in SPEEDS_MPS:
            for servo in (False, True):
                delays = delays_ms(config, speed, servo)
                taken = delays[np.isfinite(delays)]
                p50, p95 = np.percentile(taken, [50, 95]) if len(taken) else (math.inf, math.inf)
                false = false_per_hour(config, speed, servo)
                never = float(np.mean(~np.isfinite(delays)))
                rim = "servo" if servo else "free"
                print(f"{name:28s} {speed:6.0f} {rim:>6s} {false:8.1f} {p50:7.0f} {p95:7.0f} {never:6.1%}", flush=True)


if __name__ == "__main__":
    main()
