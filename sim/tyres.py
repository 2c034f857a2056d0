"""Tyre side force for the bicycle model: Fiala's brush tyre with combined slip by the friction circle.

Pure functions on arrays, one element per axle. Forces are in newtons in the axle's own frame: a positive slip angle
(the axle slides to +y) gives a negative force.
"""

import numpy as np

GRAVITY_MPS2 = 9.81
#: The share of the friction circle that braking or driving may use: an ABS or traction control keeps a little
#: side force, so a fully braked car can still be steered.
MAX_LONGITUDINAL_SHARE = 0.98
_MAX_TAN_SLIP = 1e3


def side_force_n(slip_rad: np.ndarray, stiffness_npr: np.ndarray, limit_n: np.ndarray) -> np.ndarray:
    """Side force of an axle.

    Fiala's brush model as in Pacejka, "Tire and Vehicle Dynamics", and Hindiyeh & Gerdes (2014), eq. 3.

    Args:
        slip_rad: slip angle, (N,).
        stiffness_npr: cornering stiffness in N/rad, (N,).
        limit_n: the largest side force at hand, (N,), zero for none.
    """
    tan_slip = np.clip(np.tan(np.clip(slip_rad, -1.57, 1.57)), -_MAX_TAN_SLIP, _MAX_TAN_SLIP)
    limit = np.maximum(limit_n, 1e-9)
    # u is 1 where the whole contact patch slides; from there on the force is the limit.
    u = np.minimum(np.abs(tan_slip) * stiffness_npr / (3.0 * limit), 1.0)
    return -np.sign(tan_slip) * limit * (3.0 * u - 3.0 * u * u + u * u * u)


def side_limit_n(longitudinal_n: np.ndarray, friction_n: np.ndarray) -> np.ndarray:
    """What the friction circle of radius `friction_n` leaves for the side beside a longitudinal force, (N,)."""
    return np.sqrt(np.maximum(friction_n * friction_n - longitudinal_n * longitudinal_n, 0.0))
