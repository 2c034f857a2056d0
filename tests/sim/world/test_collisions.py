"""Collisions: who touches is geometry, momentum is exchanged, no energy is made, nothing is passed through."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import box

from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import step_vehicles
from sim.world.collisions import Obstacles, resolve
from sim.world.contacts.kernels import FRICTION, RESTITUTION

SPEC = VehicleSpec()
DT = 0.05


def cars(*poses, masses=()) -> Vehicles:
    """Cars 1, 2, ... at (x, y, yaw, speed)."""
    found = Vehicles()
    for k, (x, y, yaw, _) in enumerate(poses):
        found.add(k + 1, VehicleSpec(mass_kg=masses[k]) if masses else SPEC, x, y, 0.0, yaw)
    found.vx_body[:] = [pose[3] for pose in poses]
    return found


def wall(x, y, half_length, half_width, yaw=0.0, mass=math.inf, ids=0, z=0.0) -> Obstacles:
    columns = (x, y, yaw, half_length, half_width, mass, 0.0, 0.0, z, 1.8)
    return Obstacles(np.array([ids]), *(np.array([float(c)]) for c in columns), meets_statics=np.array([True]))


def momentum(found: Vehicles) -> np.ndarray:
    return (found.p["mass_kg"][:, None] * found.world_velocity()[:, :2]).sum(axis=0)


def energy(found: Vehicles) -> float:
    spin = 0.5 * found.p["yaw_inertia_kgm2"] * found.yaw_rate**2
    return float((0.5 * found.p["mass_kg"] * found.speed() ** 2 + spin).sum())


def test_equal_cars_head_on_bounce_with_the_restitution():
    found = cars((0.0, 0.0, 0.0, 10.0), (4.3, 0.0, math.pi, 10.0))
    (contact,) = resolve(found, Obstacles.none(), DT)
    vx = found.world_velocity()[:, 0]
    assert vx == pytest.approx([-10.0 * RESTITUTION, 10.0 * RESTITUTION])
    assert (contact.a, contact.b) == (1, 2)
    assert contact.impulse_world == pytest.approx([-1400.0 * 10.0 * (1 + RESTITUTION), 0.0, 0.0], abs=1.0)
    assert contact.point_world[:2] == pytest.approx([2.15, 0.0], abs=0.2)


def test_rear_end_crash_keeps_the_momentum_of_cars_of_different_mass():
    found = cars((0.0, 0.0, 0.0, 12.0), (4.3, 0.0, 0.0, 2.0), masses=(1000.0, 3000.0))
    before = momentum(found)
    resolve(found, Obstacles.none(), DT)
    after = found.world_velocity()[:, 0]
    assert momentum(found) == pytest.approx(before)
    assert after[1] - after[0] == pytest.approx(RESTITUTION * 10.0)


def test_crash_into_a_wall_stops_the_car_and_the_wall_stays():
    found, fixed = cars((0.0, 0.0, 0.0, 15.0)), wall(3.0, 0.0, 1.0, 5.0)
    (contact,) = resolve(found, fixed, DT)
    assert found.world_velocity()[0, 0] == pytest.approx(-1.5, abs=0.01)
    assert (fixed.x[0], fixed.y[0]) == (3.0, 0.0)
    assert contact.b == 0


def test_a_walker_flies_and_the_car_hardly_slows():
    found, walker = cars((0.0, 0.0, 0.0, 10.0)), wall(2.4, 0.0, 0.3, 0.3, mass=75.0, ids=9)
    (contact,) = resolve(found, walker, DT)
    assert contact.b == 9
    assert 9.0 < found.vx_body[0] < 10.0
    assert walker.vx[0] > 9.0


def test_scraping_along_a_wall_rubs_no_more_than_friction_allows():
    found = cars((0.0, 0.0, 0.1, 20.0))
    contacts = resolve(found, wall(0.0, 1.9, 50.0, 1.0), DT)
    along, across, _ = contacts[0].impulse_world
    assert across < 0.0
    assert along < 0.0
    assert abs(along) <= FRICTION * abs(across) + 1e-6
    assert found.vx_body[0] > 17.0


def test_blow_on_a_corner_turns_the_car():
    found = cars((0.0, 0.0, 0.0, 0.0), (-2.0, -3.0, math.pi / 2, 8.0))
    resolve(found, Obstacles.none(), DT)
    assert found.yaw_rate[0] < -0.3  # hit from the left at the tail: the nose goes left


def test_turned_boxes_that_only_their_bounding_boxes_share_do_not_touch():
    found = cars((0.0, 0.0, math.pi / 4, 0.0), (2.6, -2.6, math.pi / 4, 0.0))
    assert resolve(found, Obstacles.none(), DT) == []


def test_cars_on_a_bridge_do_not_hit_those_below():
    found = cars((0.0, 0.0, 0.0, 5.0), (1.0, 0.0, 0.0, 5.0))
    found.z[1] = 6.0
    assert resolve(found, Obstacles.none(), DT) == []


@pytest.mark.parametrize("dt_s", [0.05, 0.1])
def test_no_speed_carries_a_car_through_a_thin_wall(dt_s):
    found, fixed = cars((0.0, 0.0, 0.0, 60.0)), wall(12.0, 0.0, 0.1, 4.0)
    for _ in range(20):
        step_vehicles(found, dt_s)
        resolve(found, fixed, dt_s)
        assert found.x[0] < 12.0


def test_cars_at_rest_against_each_other_stay_at_rest():
    found = cars((0.0, 0.0, 0.0, 0.0), (4.39, 0.0, 0.0, 0.0))
    for _ in range(100):
        found.brake[:] = 1.0
        step_vehicles(found, DT)
        resolve(found, Obstacles.none(), DT)
    assert found.speed().max() < 1e-6
    assert abs(found.x[1] - found.x[0]) < 4.45


PLACE = st.tuples(st.floats(-5.0, 5.0), st.floats(-5.0, 5.0), st.floats(-4.0, 4.0), st.floats(-15.0, 15.0))


def polygon(x, y, yaw):
    half_length, half_width = SPEC.length_m / 2, SPEC.width_m / 2
    flat = box(-half_length, -half_width, half_length, half_width)
    return affinity.translate(affinity.rotate(flat, yaw, (0, 0), use_radians=True), x, y)


@settings(max_examples=120)
@given(PLACE)
def test_cars_touch_exactly_where_polygons_overlap(place):
    x, y, yaw, _ = place
    a, b = polygon(0.0, 0.0, 0.3), polygon(x, y, yaw)
    shared = a.intersection(b)
    assume(a.distance(b) > 0.02 or not shared.buffer(-0.02).is_empty)
    touching = bool(resolve(cars((0.0, 0.0, 0.3, 0.0), (x, y, yaw, 0.0)), Obstacles.none(), DT))
    assert touching == (a.distance(b) == 0.0)


@settings(max_examples=120)
@given(PLACE, st.floats(-15.0, 15.0))
def test_collisions_keep_momentum_and_make_no_energy(place, speed_mps):
    found = cars((0.0, 0.0, 0.3, speed_mps), place)
    before, had = momentum(found), energy(found)
    resolve(found, Obstacles.none(), DT)
    assert momentum(found) == pytest.approx(before, abs=1e-6)
    assert energy(found) <= had * 1.02 + 1.0
    state = [found.x, found.y, found.vx_body, found.vy_body, found.yaw_rate]
    assert np.all(np.isfinite(state))
