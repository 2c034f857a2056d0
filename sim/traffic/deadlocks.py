"""Ends what right of way could not prevent: two drivers nose to nose inside a junction, each in the other's way.

As people do, one of them backs up a few metres and lets the other through. A car of a client counts as the other too.
"""

import numpy as np

from sim.map.lane_search import LEVEL_M
from sim.traffic.approaches import Motion
from sim.traffic.drivers import Driver
from sim.traffic.leaders import Bodies, Leaders
from sim.vehicles.fleet import Vehicles

#: A driver that stands so long inside a junction before a car that goes another way backs up; the other of two later.
FIRST_S, SECOND_S = 12.0, 24.0
BACK_MPS = 1.2
_BACK_S = 5.0
#: How long the driver then waits for the other.
_WAIT_S = 7.0
_NEAR_M = 5.0
_ROOM_M = 2.0
_SIDE_M = 0.4


def note_locked(
    drivers: list[Driver], motion: Motion, leaders: Leaders, bodies: Bodies, slots: np.ndarray, dt_s: float
) -> None:
    """Let drivers who are locked begin to back up, and count the time of those who do."""
    for k, driver in enumerate(drivers):
        if driver.backing_s > 0.0:
            driver.backing_s = max(driver.backing_s - dt_s, 0.0)
            continue
        if driver.standing_s < FIRST_S or driver.lost or not driver.crossings:
            continue
        if motion.front[k] <= driver.crossings[0].enter_m:
            continue
        near = np.nonzero((leaders.driver == k) & (leaders.gap_m < _NEAR_M) & (leaders.speed_mps < 0.3))[0]
        across = [int(b) for b in leaders.body[near] if _goes_another_way(bodies, int(b), int(slots[k]))]
        if not across:
            continue
        driven = np.nonzero(slots == across[0])[0]
        first = len(driven) == 0 or driver.order > drivers[int(driven[0])].order
        if driver.standing_s >= (FIRST_S if first else SECOND_S):
            back_up(driver)
            driver.standing_s = 0.0


def _goes_another_way(bodies: Bodies, body: int, own: int) -> bool:
    return bool(np.cos(bodies.yaw[body] - bodies.yaw[own]) < 0.7)


def back_up(driver: Driver) -> None:
    """Let a driver begin to back up."""
    driver.backing_s = _BACK_S + _WAIT_S


def backs_up(driver: Driver) -> bool:
    """Whether a driver is driving backwards now (it stands still for the rest of the time)."""
    return driver.backing_s > _WAIT_S


def has_room_behind(vehicles: Vehicles, slot: int, bodies: Bodies) -> bool:
    """Whether nothing is right behind a vehicle."""
    dx, dy = bodies.x - vehicles.x[slot], bodies.y - vehicles.y[slot]
    cos, sin = np.cos(vehicles.yaw[slot]), np.sin(vehicles.yaw[slot])
    along, aside = cos * dx + sin * dy, cos * dy - sin * dx
    turn = bodies.yaw - vehicles.yaw[slot]
    reach = np.abs(np.cos(turn)) * bodies.half_length + np.abs(np.sin(turn)) * bodies.half_width
    width = np.abs(np.sin(turn)) * bodies.half_length + np.abs(np.cos(turn)) * bodies.half_width
    behind = (along < 0.0) & (np.abs(aside) < 0.5 * vehicles.p["width_m"][slot] + width + _SIDE_M)
    behind &= np.abs(bodies.z - vehicles.z[slot]) < LEVEL_M
    behind[slot] = False
    return not bool(np.any(behind & (-along - reach - 0.5 * vehicles.p["length_m"][slot] < _ROOM_M)))
