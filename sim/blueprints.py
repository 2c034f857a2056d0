"""The blueprint library: what can be spawned, how big and heavy it is, and which attributes it has.

Sizes of vehicles are the bounding boxes of CARLA 0.9.16's own models (its vehicle catalogue), masses and wheelbases
those of the real cars, so that a client that plans by `bounding_box` plans the same here and there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sim.blueprint_types import Attribute, AttributeType, Blueprint, Kind, fixed, text
from sim.sensor_blueprints import sensor_blueprints
from sim.vehicles import VehicleSpec

_TAG_PEDESTRIAN = b"\x0c"
_TAG_CAR = b"\x0e"
_TAG_TRUCK = b"\x0f"
_TAG_DYNAMIC = b"\x15"

_PAINTS = ("17,37,103", "137,0,0", "180,180,180", "28,28,28", "210,210,205", "44,84,58", "168,108,32")


class _Car(NamedTuple):
    """A row of the vehicle table: metres, kilogrammes, kilowatts, degrees."""

    length: float
    width: float
    height: float
    mass: float
    wheelbase: float
    power: float
    front_drive: float = 1.0
    lock: float = 35.0
    base_type: str = "car"
    special: str = ""


_VEHICLES = {
    "vehicle.audi.tt": _Car(4.1812, 1.9941, 1.3852, 1410.0, 2.505, 169.0, 0.5),
    "vehicle.carlamotors.firetruck": _Car(8.4680, 2.8910, 3.8275, 9500.0, 4.80, 250.0, 0.0, 42.0, "truck", "emergency"),
    "vehicle.dodge.charger_2020": _Car(5.0078, 1.8816, 1.5333, 1920.0, 3.052, 218.0, 0.0),
    "vehicle.ford.ambulance": _Car(6.3654, 2.3511, 2.4314, 3900.0, 3.66, 130.0, 0.0, 38.0, "van", "emergency"),
    "vehicle.jeep.wrangler_rubicon": _Car(3.8668, 1.9052, 1.8779, 1930.0, 2.46, 147.0, 0.5),
    "vehicle.lincoln.mkz_2020": _Car(4.8924, 1.8367, 1.4907, 1750.0, 2.85, 140.0),
    "vehicle.mercedes.sprinter": _Car(5.9152, 1.9884, 2.5607, 2600.0, 3.67, 105.0, 0.0, 38.0, "van"),
    "vehicle.mini.cooper_s": _Car(3.8058, 1.9700, 1.4750, 1225.0, 2.495, 120.0),
    "vehicle.nissan.micra": _Car(3.6334, 1.8451, 1.5002, 1030.0, 2.45, 59.0),
    "vehicle.tesla.model3": _Car(4.7918, 2.1635, 1.4876, 1847.0, 2.875, 211.0, 0.0, 70.0),  # CARLA's lock
}

_WALKERS: dict[str, tuple[str, str, float]] = {
    "walker.pedestrian.0001": ("female", "adult", 0.93),
    "walker.pedestrian.0002": ("male", "adult", 0.93),
    "walker.pedestrian.0003": ("male", "adult", 0.93),
    "walker.pedestrian.0009": ("female", "child", 0.55),
}

_PROPS: dict[str, tuple[float, float, float]] = {
    "static.prop.box01": (0.31, 0.26, 0.18),
    "static.prop.constructioncone": (0.17, 0.17, 0.29),
    "static.prop.streetbarrier": (0.18, 0.61, 0.53),
    "static.prop.trafficcone01": (0.43, 0.43, 0.59),
    "static.prop.trafficwarning": (1.19, 1.24, 1.78),
    "static.prop.warningconstruction": (0.53, 0.53, 0.60),
}


def _spec(car: _Car) -> VehicleSpec:
    """The dynamics of a vehicle: tyres, inertia and drive scaled from the compact car of `VehicleSpec`'s defaults."""
    compact = VehicleSpec()
    scale = car.mass / compact.mass_kg
    to_front = (0.45 if car.front_drive == 1.0 else 0.5) * car.wheelbase
    return VehicleSpec(
        mass_kg=car.mass,
        length_m=car.length,
        width_m=car.width,
        height_m=car.height,
        wheelbase_m=car.wheelbase,
        cg_to_front_m=to_front,
        cg_height_m=0.37 * car.height,
        yaw_inertia_kgm2=compact.yaw_inertia_kgm2 * scale * (car.length / compact.length_m) ** 2,
        max_steer_rad=math.radians(car.lock),
        front_stiffness_npr=compact.front_stiffness_npr * scale,
        rear_stiffness_npr=compact.rear_stiffness_npr * scale,
        max_drive_force_n=min(compact.max_drive_force_n * scale, 9000.0 + 1.2 * car.mass),
        max_power_w=car.power * 1000.0,
        front_drive_share=car.front_drive,
        drag_area_m2=0.28 * car.width * car.height,
    )


def _vehicle(type_id: str) -> Blueprint:
    car = _VEHICLES[type_id]
    attributes = (
        fixed("base_type", AttributeType.STRING, car.base_type),
        Attribute("color", AttributeType.COLOR, _PAINTS[0], _PAINTS),
        fixed("generation", AttributeType.INT, "2"),
        fixed("has_lights", AttributeType.BOOL, "true"),
        fixed("number_of_wheels", AttributeType.INT, "4"),
        fixed("object_type", AttributeType.STRING, ""),
        text("role_name", "autopilot", ("autopilot", "scenario", "ego_vehicle", "hero")),
        fixed("special_type", AttributeType.STRING, car.special),
        Attribute("sticky_control", AttributeType.BOOL, "true"),
        Attribute("terramechanics", AttributeType.BOOL, "false"),
    )
    tags = _TAG_TRUCK if car.base_type == "truck" else _TAG_CAR
    extent = (car.length / 2.0, car.width / 2.0, car.height / 2.0)
    return Blueprint(type_id, Kind.VEHICLE, attributes, extent, (0.0, 0.0, car.height / 2.0), tags, _spec(car))


def _walker(type_id: str) -> Blueprint:
    gender, age, half_height = _WALKERS[type_id]
    attributes = (
        fixed("age", AttributeType.STRING, age),
        fixed("gender", AttributeType.STRING, gender),
        fixed("generation", AttributeType.INT, "2"),
        Attribute("is_invincible", AttributeType.BOOL, "true"),
        text("role_name", "pedestrian", ("pedestrian",)),
        Attribute("speed", AttributeType.FLOAT, "1.43", ("0.0", "1.43", "1.85")),
    )
    return Blueprint(type_id, Kind.WALKER, attributes, (0.1875, 0.1875, half_height), (0, 0, 0), _TAG_PEDESTRIAN)


def _prop(type_id: str) -> Blueprint:
    extent = _PROPS[type_id]
    attributes = (text("role_name", "prop"), fixed("size", AttributeType.STRING, "medium"))
    return Blueprint(type_id, Kind.PROP, attributes, extent, (0.0, 0.0, extent[2]), _TAG_DYNAMIC)


def _library() -> dict[str, Blueprint]:
    blueprints = [
        *map(_vehicle, _VEHICLES),
        *map(_walker, _WALKERS),
        *map(_prop, _PROPS),
        *sensor_blueprints(),
        Blueprint("controller.ai.walker", Kind.CONTROLLER, (text("role_name", "default"),)),
    ]
    return {blueprint.type_id: blueprint for blueprint in sorted(blueprints, key=lambda b: b.type_id)}


BLUEPRINTS = _library()
"""Every blueprint by type id, in CARLA's (alphabetical) order."""


def definitions() -> list[list]:
    """The blueprint library as `get_actor_definitions` sends it."""
    return [
        [
            uid,
            blueprint.type_id,
            ",".join(blueprint.type_id.split(".")),
            [[a.name, int(a.type), a.value, list(a.recommended), a.modifiable, False] for a in blueprint.attributes],
        ]
        for uid, blueprint in enumerate(BLUEPRINTS.values(), start=1)
    ]
