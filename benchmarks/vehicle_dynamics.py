"""How vehicles drive, measured as testers do on a proving ground, beside published figures of the real ones.

Through the unmodified client, on a plain of asphalt made for it. 0-100 km/h, 100-0 dry, wet and with locked wheels;
skid pad (ISO 4138, 30.5 m radius); step steer at 80 km/h (ISO 7401). Run from the repository:
`python -m benchmarks.vehicle_dynamics`.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import carla
import numpy as np
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
STEP_S = 0.02
KMH = 3.6
GRAVITY_MPS2 = 9.81
PAD_RADIUS_M = 30.5
_LENGTH_M, _WIDTH_M = 6000, 800
_PLAIN = f"""<OpenDRIVE><header revMajor="1" revMinor="4" name="plain"/>
<road name="plain" length="{_LENGTH_M}" id="1" junction="-1"><link/>
<planView><geometry s="0" x="0" y="0" hdg="0" length="{_LENGTH_M}"><line/></geometry></planView>
<lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
<right><lane id="-1" type="driving" level="false"><width sOffset="0" a="{_WIDTH_M}" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""

#: Seconds from 0 to 100 km/h that the makers state for the car of that name and power.
ACCELERATION_S = {
    "vehicle.audi.a2": 12.3,
    "vehicle.audi.etron": 5.7,
    "vehicle.audi.tt": 5.3,
    "vehicle.ford.mustang": 4.8,
    "vehicle.jeep.wrangler_rubicon": 10.7,
    "vehicle.mercedes.coupe_2020": 6.0,
    "vehicle.mini.cooper_s": 7.4,
    "vehicle.nissan.micra": 13.7,
    "vehicle.nissan.patrol_2021": 6.6,
    "vehicle.seat.leon": 8.2,
    "vehicle.tesla.model3": 5.6,
    "vehicle.toyota.prius": 10.4,
}
BRAKING = ("vehicle.tesla.model3", "vehicle.mini.cooper_s", "vehicle.nissan.patrol_2021", "vehicle.volkswagen.t2")
CORNERING = ("vehicle.tesla.model3", "vehicle.mini.cooper_s", "vehicle.ford.mustang", "vehicle.nissan.patrol_2021")


@contextmanager
def plain() -> Iterator[carla.World]:
    """A world that is nothing but asphalt, in synchronous mode."""
    command = [sys.executable, "-m", "sim", "--port", "0", "--no-rendering", "--exit-with-parent"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        client = carla.Client("127.0.0.1", int(process.stdout.readline().split()[1]))
        client.set_timeout(60.0)
        world = client.generate_opendrive_world(_PLAIN, carla.OpendriveGenerationParameters())
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
        world.apply_settings(settings)
        yield world
    finally:
        process.kill()
        process.wait()


@contextmanager
def vehicle(world: carla.World, name: str, x_m: float = 50.0) -> Iterator[Any]:
    """One vehicle on the middle of the plain, heading along x."""
    place = carla.Transform(carla.Location(x_m, 0.5 * _WIDTH_M, 0.5))
    actor: Any = world.spawn_actor(world.get_blueprint_library().find(name), place)
    world.tick()
    try:
        yield actor
    finally:
        actor.destroy()


def start_at(world: carla.World, car: Any, speed_mps: float) -> None:
    """Set a vehicle rolling."""
    car.set_target_velocity(carla.Vector3D(speed_mps, 0.0, 0.0))
    world.tick()


def acceleration_s(world: carla.World, name: str) -> float:
    """Seconds of full throttle from rest to 100 km/h, between the two ticks around it."""
    with vehicle(world, name) as car:
        car.apply_control(carla.VehicleControl(throttle=1.0))
        before = 0.0
        for k in range(10_000):
            world.tick()
            speed = car.get_velocity().length() * KMH
            if speed >= 100.0:
                return STEP_S * (k + (100.0 - before) / (speed - before))
            before = speed
    return math.inf


def braking_m(world: carla.World, name: str, weather: carla.WeatherParameters) -> float:
    """Metres from 100 km/h to rest under full braking."""
    world.set_weather(weather)
    with vehicle(world, name) as car:
        start_at(world, car, 100.0 / KMH)
        begun = car.get_location()
        car.apply_control(carla.VehicleControl(brake=1.0))
        while car.get_velocity().length() > 0.01:
            world.tick()
        return car.get_location().distance(begun)


def skid_pad_g(world: carla.World, name: str) -> float:
    """The greatest lateral acceleration held for two seconds on the circle, in g."""
    with vehicle(world, name, 0.5 * _LENGTH_M) as car:
        begun = car.get_transform().location
        lock = math.radians(max(wheel.max_steer_angle for wheel in car.get_physics_control().wheels))
        start_at(world, car, 8.0)
        best = 0.0
        for k in range(4000):
            where, velocity = car.get_transform(), car.get_velocity()
            dx, dy = where.location.x - begun.x, where.location.y - (begun.y + PAD_RADIUS_M)
            off_m = math.hypot(dx, dy) - PAD_RADIUS_M
            along = math.atan2(dy, dx) + 0.5 * math.pi
            turned = math.remainder(math.radians(where.rotation.yaw) - along, 2.0 * math.pi)
            speed = velocity.length()
            steer = math.atan(2.9 / PAD_RADIUS_M) + 0.08 * off_m - 0.9 * turned + 0.012 * speed * speed / PAD_RADIUS_M
            target_mps = 8.0 + 0.25 * k * STEP_S
            throttle = min(max(0.25 + 0.5 * (target_mps - speed), 0.0), 1.0)
            car.apply_control(carla.VehicleControl(throttle=throttle, steer=min(max(steer / lock, -1.0), 1.0)))
            world.tick()
            if abs(off_m) > 2.0:
                break
            best = max(best, speed * speed / (PAD_RADIUS_M + off_m))
        return best / GRAVITY_MPS2


def step_steer(world: carla.World, name: str) -> tuple[float, float]:
    """Seconds until the yaw rate has 90 % of its end, and its overshoot, at 80 km/h and about 4 m/s² sideways."""
    with vehicle(world, name) as car:
        lock = math.radians(max(wheel.max_steer_angle for wheel in car.get_physics_control().wheels))
        speed = 80.0 / KMH
        start_at(world, car, speed)
        steer = 4.0 * 2.9 / speed**2 / lock * 1.25
        rates = []
        for _ in range(round(3.0 / STEP_S)):
            throttle = min(max(0.2 + 0.5 * (speed - car.get_velocity().length()), 0.0), 1.0)
            car.apply_control(carla.VehicleControl(throttle=throttle, steer=steer))
            world.tick()
            rates.append(math.radians(car.get_angular_velocity().z))
        steady = float(np.mean(rates[-25:]))
        rise = next(k for k, rate in enumerate(rates) if rate >= 0.9 * steady) * STEP_S
        return rise, max(rates) / steady - 1.0


def _accelerations(world: carla.World) -> Table:
    table = Table("vehicle", "0-100 km/h s", "published s", "difference", title="Acceleration")
    for name, published in ACCELERATION_S.items():
        found = acceleration_s(world, name)
        table.add_row(name, f"{found:.1f}", f"{published:.1f}", f"{100.0 * (found / published - 1.0):+.0f} %")
    return table


def _brakings(world: carla.World) -> Table:
    table = Table("vehicle", "dry m", "hard rain m", title="100-0 km/h; testers publish 35-40 m for cars on a dry road")
    dry, wet = (getattr(carla.WeatherParameters, name) for name in ("ClearNoon", "HardRainNoon"))
    for name in BRAKING:
        table.add_row(name, f"{braking_m(world, name, dry):.1f}", f"{braking_m(world, name, wet):.1f}")
    world.set_weather(dry)
    return table


def _corners(world: carla.World) -> Table:
    title = "Cornering; published: skid pad 0.75-0.95 g, step steer 0.1-0.4 s with up to a fifth of overshoot"
    table = Table("vehicle", "skid pad g", "yaw rate 90 % after s", "overshoot", title=title)
    for name in CORNERING:
        rise, over = step_steer(world, name)
        table.add_row(name, f"{skid_pad_g(world, name):.2f}", f"{rise:.2f}", f"{100.0 * over:.0f} %")
    return table


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    console = Console(width=110)
    with plain() as world:
        for make in (_accelerations, _brakings, _corners):
            console.print(make(world))
    return 0


if __name__ == "__main__":
    sys.exit(main())
