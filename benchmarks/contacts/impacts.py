"""A car driven into a house, a trunk, a rail and a wall: whether it is hit, with what impulse, and the speed after.

    python -m benchmarks.contacts.impacts                    # the table, and benchmarks/results/impacts.csv
    python -m benchmarks.contacts.impacts --cost             # and what finding contacts costs a tick

In-process, with the simulator's own motion and contacts, no pedal pressed, steps of 50 ms. An angle of 0 degrees is
square on; the trunk is met by the middle of the front. The impulse is that of the tick of the first contact; the speed
after is that of the tick after it.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sim.map.network import read_network
from sim.scene.bodies import StaticBody, rectangle, ring
from sim.scene.labels import Tag
from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import step_vehicles
from sim.world.blueprints import BLUEPRINTS
from sim.world.collisions import Obstacles, resolve
from sim.world.contacts.statics import Statics, statics_of
from sim.world.world import World

MODEL = "vehicle.tesla.model3"
THINGS = {
    "house": StaticBody(rectangle(5.0, 0.0, 0.0, 5.0, 20.0), -0.6, 9.0, Tag.BUILDINGS),
    "trunk": StaticBody(ring(0.25, 0.0, 0.25), -0.3, 3.0, Tag.VEGETATION),
    "rail": StaticBody(rectangle(0.02, 0.0, math.pi / 2, 100.0, 0.02), 0.42, 0.74, Tag.GUARD_RAIL),
    "wall": StaticBody(rectangle(0.15, 0.0, math.pi / 2, 100.0, 0.15), -0.3, 1.0, Tag.WALLS),
}
SPEEDS_MPS, ANGLES_DEG = (5.0, 15.0, 30.0), (0.0, 30.0, 60.0)
STEP_S, DRIVEN_S = 0.05, 4.0
RESULTS = Path(__file__).parents[1] / "results" / "impacts.csv"
COLUMNS: tuple[str, ...] = (
    "thing",
    "speed_mps",
    "angle_deg",
    "is_hit",
    "impulse_ns",
    "speed_after_mps",
    "went_through",
)


def spec_of(model: str) -> VehicleSpec:
    """The dynamics of a blueprint."""
    spec = BLUEPRINTS[model].spec
    assert spec is not None
    return spec


def impact(thing: str, speed_mps: float, angle_deg: float) -> dict[str, Any]:
    """Drive one car at one thing; a row of the table."""
    cars, yaw, statics = Vehicles(), math.radians(angle_deg), statics_of([THINGS[thing]])
    ahead_m = 4.0 + 0.25 * speed_mps
    cars.add(1, spec_of(MODEL), -ahead_m * math.cos(yaw), -ahead_m * math.sin(yaw), 0.0, yaw)
    cars.set_world_velocity(1, speed_mps * math.cos(yaw), speed_mps * math.sin(yaw))
    impulse_ns, after_mps = 0.0, math.nan
    for _ in range(round(DRIVEN_S / STEP_S)):
        step_vehicles(cars, STEP_S)
        if impulse_ns and math.isnan(after_mps):
            after_mps = float(cars.speed()[0])
        contacts = resolve(cars, Obstacles.none(), STEP_S, statics)
        if contacts and not impulse_ns:
            impulse_ns = float(np.linalg.norm(contacts[0].impulse_world))
    through = bool(cars.x[0] > 0.0) and thing != "trunk"  # a trunk is passed at its sides
    values = (thing, speed_mps, angle_deg, impulse_ns > 0.0, round(impulse_ns), round(after_mps, 2), through)
    return dict(zip(COLUMNS, values, strict=True))


def cost_ms(statics: Statics, world: World, vehicles: int) -> float:
    """Median of what finding contacts of vehicles on a town's spawn points takes, milliseconds of wall time."""
    cars = Vehicles()
    for k in range(vehicles):
        pose = world.spawn_points[k % len(world.spawn_points)]
        shift = 7.0 * (k // len(world.spawn_points))
        place = (pose.x + shift * math.cos(pose.yaw), pose.y + shift * math.sin(pose.yaw))
        cars.add(k + 1, spec_of(MODEL), *place, pose.z, pose.yaw)
    cars.vx_body[:] = 10.0
    took = []
    for _ in range(500):
        began = time.perf_counter()
        resolve(cars, Obstacles.none(), STEP_S, statics)
        took.append(time.perf_counter() - began)
    return 1e3 * float(np.median(took))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost", action="store_true", help="also measure what contacts cost a tick")
    options = parser.parse_args()
    rows = [impact(thing, speed, angle) for thing in THINGS for speed in SPEEDS_MPS for angle in ANGLES_DEG]
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{MODEL}, {spec_of(MODEL).mass_kg:.0f} kg")
    print(f"{'':6} {'m/s':>5} {'deg':>4} {'hit':>5} {'impulse, N s':>13} {'m/s after':>10}")
    for row in rows:
        hit = "through" if row["went_through"] else "yes" if row["is_hit"] else "no"
        print(
            f"{row['thing']:6} {row['speed_mps']:5.0f} {row['angle_deg']:4.0f} {hit:>5} {row['impulse_ns']:13} "
            f"{row['speed_after_mps']:10}"
        )
    if options.cost:
        text = (resources.files("assets") / "maps" / "kingsway.xodr").read_text()
        world = World(read_network("Kingsway", text), 0)
        print(f"\ncontacts a tick in Kingsway, {len(world.statics.bodies)} static bodies")
        for vehicles in (1, 10, 50, 200):
            print(f"{vehicles:4} vehicles {cost_ms(world.statics, world, vehicles):7.3f} ms")


if __name__ == "__main__":
    main()
