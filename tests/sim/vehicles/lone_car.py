"""One vehicle on a plain, for worked examples."""

from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec

DT = 0.05
LONE = 7
"""Its actor id."""


def one(speed_mps: float = 0.0, **spec) -> Vehicles:
    """A vehicle at the origin that rolls along x."""
    cars = Vehicles()
    cars.add(LONE, VehicleSpec(**spec), 0.0, 0.0, 0.0, 0.0)
    cars.set_world_velocity(LONE, speed_mps, 0.0)
    return cars
