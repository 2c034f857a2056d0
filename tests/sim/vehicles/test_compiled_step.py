"""The compiled loops move every vehicle as the formulas written with numpy do."""

import copy

import numpy as np
import pytest

from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import step_vehicles
from sim.world.blueprints import BLUEPRINTS
from tests.sim.vehicles import numpy_step

SPECS = [blueprint.spec for blueprint in BLUEPRINTS.values() if blueprint.spec is not None]
SPECS += [VehicleSpec(has_assistance=False), VehicleSpec(front_drive_share=0.5)]
COUNTS = ("ids", "gear", "wanted_gear", "gear_count")


def slope(x, _y, yaw):
    return 0.1 * x, np.arctan(0.1 * np.cos(yaw)), np.arctan(0.1 * np.sin(yaw))


def any_fleet(rng: np.random.Generator) -> Vehicles:
    """One vehicle of each model, in any motion and under any controls."""
    cars = Vehicles()
    for k, spec in enumerate(SPECS):
        cars.add(k + 1, spec, *rng.uniform(-100.0, 100.0, 2), 0.0, float(rng.uniform(-3.0, 3.0)))
        speed = float(rng.choice([0.0, 1.0, 3.0, 12.0, 30.0]))
        cars.set_world_velocity(k + 1, *(speed * rng.uniform(-1.0, 1.0, 2)))
    n = len(cars)
    cars.throttle[:], cars.brake[:] = rng.uniform(-0.2, 1.0, n), np.maximum(rng.uniform(-1.0, 1.0, n), 0.0)
    cars.steer[:], cars.yaw_rate[:] = rng.uniform(-1.2, 1.2, n), rng.uniform(-0.5, 0.5, n)
    for name, share in (("hand_brake", 0.1), ("reverse", 0.2), ("manual_gear", 0.2), ("simulate_physics", 0.9)):
        getattr(cars, name)[:] = rng.random(n) < share
    cars.wanted_gear[:] = rng.integers(0, 8, n)
    cars.in_gear_s[:] = rng.choice([10.0, 0.1, 1.0], n)
    cars.kerb_m[:] = rng.choice([0.0, 0.0, 0.12], (n, 4))
    cars.surface_grip[:] = rng.choice([1.0, 0.6], (n, 4))
    cars.soft_ground[:] = rng.choice([0.0, 0.06], n)
    cars.road_friction = float(rng.choice([1.0, 0.7]))
    return cars


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dt_s", [0.003, 0.05, 0.1])
def test_a_step_gives_the_numbers_of_the_formulas(seed, dt_s):
    """After a few steps, so that gears, springs and kerbs have been at work; rounding only may differ."""
    cars = any_fleet(np.random.default_rng(seed))
    for _ in range(6):
        plain = copy.deepcopy(cars)
        plain._bind()
        step_vehicles(cars, dt_s, slope)
        numpy_step.step_vehicles(plain, dt_s, slope)
        for name in cars.rows.dtype.names:
            compiled, expected = cars.rows[name], plain.rows[name]
            if name in ("wheel_slip", "wheel_force_n"):  # without physics there are none; the formulas do not say so
                compiled, expected = compiled[cars.simulate_physics], expected[cars.simulate_physics]
            if name in COUNTS or expected.dtype == bool:
                assert np.array_equal(compiled, expected), name
            else:
                np.testing.assert_allclose(compiled, expected, rtol=1e-9, atol=1e-9, err_msg=name)
