"""Tyre forces: Pacejka's magic formula on combined slip; stiffness and friction grow less than the load.

Pure functions of one tyre, parts of compiled loops. Forces are in newtons in the wheel's own frame.
"""

import math

from sim.kernels import part

GRAVITY_MPS2 = 9.81
#: Shape factor C of the magic formula: a tyre that slides fully keeps about 0.85 of its best force.
SHAPE = 1.4
#: How much friction a tyre loses when its load doubles (Gillespie, Fundamentals of Vehicle Dynamics, ch. 6).
LOAD_SENSITIVITY = 0.10


@part
def friction_limit_n(load_n: float, static_load_n: float, friction: float) -> float:
    """The largest force of a tyre under a load; `friction` is the coefficient under its static load."""
    overload = max(load_n / static_load_n - 1.0, -1.0)
    return max(friction * load_n * (1.0 - LOAD_SENSITIVITY * overload), 0.0)


@part
def stiffness_under_load(stiffness_n: float, load_n: float, static_load_n: float) -> float:
    """Slip stiffness (N per unit of slip) under a load, given that under the static load.

    It grows ever slower with the load: sin(2 atan(load / 2 static)), Pacejka, Tyre and Vehicle Dynamics, eq. 4.E25.
    With t = tan of the half angle that sine is 2t / (1 + t²), which is 0.8 under the static load.
    """
    t = 0.5 * max(load_n, 0.0) / static_load_n
    return stiffness_n * (2.0 * t / (1.0 + t * t)) / 0.8


@part
def force_per_slip_n(slip: float, stiffness_n: float, limit_n: float) -> float:
    """Force of a tyre divided by its slip, (N per unit of slip); the force points against the slip.

    The magic formula with E = 0 (Pacejka & Bakker 1992): F = D sin(C atan(stiffness slip / (C D))).

    Args:
        slip: size of the combined slip: the velocity of the contact patch over the ground by the reference speed.
        stiffness_n: the slope for small slip.
        limit_n: D, the largest possible force; 0 for none.
    """
    slip = max(slip, 1e-9)
    limit = max(limit_n, 1e-6)
    return limit * math.sin(SHAPE * math.atan(stiffness_n * slip / (SHAPE * limit))) / slip
