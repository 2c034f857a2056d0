"""The blueprint library: what can be spawned, how big and heavy it is, and which attributes it has.

Sizes are near those of CARLA's own models (entered by hand, not read from its files), so that a client that plans by
`bounding_box` plans much the same here and there.
"""

from __future__ import annotations

import math

from sim.vehicles.drivetrain import Drivetrain, combustion, electric
from sim.vehicles.motion import AIR_DENSITY_KGPM3
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.tyres import GRAVITY_MPS2
from sim.world.blueprint_types import Attribute, AttributeType, Blueprint, Kind, fixed, text
from sim.world.sensor_blueprints import sensor_blueprints
from sim.world.vehicle_blueprints import VEHICLES, VehicleRow

_TAG_PEDESTRIAN = b"\x0c"
_TAG_DYNAMIC = b"\x15"

_PAINTS = ("17,37,103", "137,0,0", "180,180,180", "28,28,28", "210,210,205", "44,84,58", "168,108,32")


_TWO_WHEELED = ("bicycle", "motorcycle")
_TAGS = {
    "car": b"\x0e",
    "van": b"\x0e",
    "truck": b"\x0f",
    "bus": b"\x10",
    # Whoever rides is a rider to CARLA's cameras.
    "motorcycle": b"\x12\x0d",
    "bicycle": b"\x13\x0d",
}

_ADULT_M, _CHILD_M = 0.93, 0.55
_CHILDREN = (9, 10, 11, 12, 13, 14, 48, 49)
_WOMEN = (1, 4, 6, 8, 9, 11, 13, 16, 18, 20, 22, 24, 27, 28, 31, 32, 35, 36, 39, 41, 43, 45, 47, 48, 50, 52)


def _who(number: int) -> tuple[str, str, float]:
    gender = "female" if number in _WOMEN else "male"
    return (gender, "child", _CHILD_M) if number in _CHILDREN else (gender, "adult", _ADULT_M)


_WALKERS = {f"walker.pedestrian.{number:04d}": _who(number) for number in range(1, 53)}
"""Gender, age and half height by blueprint."""

_PROPS: dict[str, tuple[float, float, float]] = {
    "static.prop.barrel": (0.32, 0.32, 0.47),
    "static.prop.bench01": (0.36, 0.76, 0.49),
    "static.prop.bin": (0.35, 0.34, 0.57),
    "static.prop.box01": (0.31, 0.26, 0.18),
    "static.prop.box02": (0.36, 0.33, 0.26),
    "static.prop.box03": (0.27, 0.26, 0.29),
    "static.prop.busstop": (1.65, 2.20, 1.36),
    "static.prop.clothcontainer": (0.62, 0.93, 0.88),
    "static.prop.constructioncone": (0.17, 0.17, 0.29),
    "static.prop.container": (1.05, 1.93, 0.83),
    "static.prop.fountain": (3.22, 3.22, 2.65),
    "static.prop.garbage01": (0.32, 0.30, 0.18),
    "static.prop.gardenlamp": (0.13, 0.13, 0.37),
    "static.prop.glasscontainer": (0.84, 0.86, 0.90),
    "static.prop.kiosk_01": (1.32, 1.62, 1.54),
    "static.prop.mailbox": (0.28, 0.22, 0.60),
    "static.prop.plantpot01": (0.74, 0.74, 0.60),
    "static.prop.plasticbag": (0.17, 0.16, 0.24),
    "static.prop.shoppingcart": (0.45, 0.30, 0.52),
    "static.prop.streetbarrier": (0.18, 0.61, 0.53),
    "static.prop.table": (0.83, 0.83, 0.42),
    "static.prop.trafficcone01": (0.43, 0.43, 0.59),
    "static.prop.trafficcone02": (0.17, 0.17, 0.29),
    "static.prop.trafficwarning": (1.19, 1.24, 1.78),
    "static.prop.trashcan01": (0.29, 0.29, 0.51),
    "static.prop.vendingmachine": (0.45, 0.57, 0.98),
    "static.prop.warningaccident": (0.53, 0.53, 0.60),
    "static.prop.warningconstruction": (0.53, 0.53, 0.60),
}


_HEAVY = frozenset({"truck", "bus"})
_REGENERATION_MPS2 = 0.5
_WITHOUT_ASSISTANCE = frozenset({"vehicle.volkswagen.t2", "vehicle.volkswagen.t2_2021"})
"""Vans of the seventies: their wheels lock."""


def _spec(type_id: str, car: VehicleRow) -> VehicleSpec:
    """The dynamics of a vehicle: tyres, inertia and drive scaled from the compact car of `VehicleSpec`'s defaults."""
    compact = VehicleSpec()
    scale = car.mass / compact.mass_kg
    to_front = (0.45 if car.front_drive == 1.0 else 0.5) * car.wheelbase
    two_wheels, heavy = car.base_type in _TWO_WHEELED, car.base_type in _HEAVY and car.special != "electric"
    radius = 0.48 if heavy else 0.33
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
        friction=0.75 if heavy else 1.0,
        wheel_radius_m=radius,
        wheel_inertia_kgm2=12.0 if heavy else 1.2 * min(scale, 1.5),
        front_drive_share=car.front_drive,
        max_brake_mps2=7.5 if heavy else compact.max_brake_mps2,
        has_assistance=not two_wheels and type_id not in _WITHOUT_ASSISTANCE,
        drag_area_m2=0.28 * car.width * car.height,
        roll_per_mps2=-1.0 / GRAVITY_MPS2 if two_wheels else compact.roll_per_mps2,
        leans=two_wheels,
        drivetrain=_drivetrain(type_id, car, radius),
    )


def _drivetrain(type_id: str, car: VehicleRow, radius_m: float) -> Drivetrain:
    """Engine and gears: electric where its special type is, diesel in vans, trucks and buses; riders pedal."""
    power_w = 1000.0 * car.power
    # Strong cars have short first gears; what the tyres cannot hold, the traction control takes back.
    force_n = min(max(2.6 + 0.03 * power_w / car.mass, 3.3), 7.5) * car.mass
    if car.special == "electric" or car.base_type == "bicycle":
        air = 0.5 * AIR_DENSITY_KGPM3 * 0.28 * car.width * car.height
        top_mps = 1.15 * (power_w / air) ** (1.0 / 3.0)
        return electric(power_w, force_n, radius_m, top_mps, _REGENERATION_MPS2 * car.mass)
    if type_id in _WITHOUT_ASSISTANCE:
        return combustion(power_w, force_n, radius_m, gears=4)
    diesel = car.base_type in ("van", "truck", "bus")
    return combustion(power_w, force_n, radius_m, gears=10 if car.base_type == "truck" else 6, diesel=diesel)


def _vehicle(type_id: str) -> Blueprint:
    car = VEHICLES[type_id]
    attributes = (
        fixed("base_type", AttributeType.STRING, car.base_type),
        Attribute("color", AttributeType.COLOR, _PAINTS[0], _PAINTS),
        fixed("generation", AttributeType.INT, str(car.generation)),
        fixed("has_dynamic_doors", AttributeType.BOOL, "true" if car.generation == 2 else "false"),
        fixed("has_lights", AttributeType.BOOL, "true"),
        fixed("number_of_wheels", AttributeType.INT, "2" if car.base_type in _TWO_WHEELED else "4"),
        fixed("object_type", AttributeType.STRING, ""),
        text("role_name", "autopilot", ("autopilot", "scenario", "ego_vehicle", "hero")),
        fixed("special_type", AttributeType.STRING, car.special),
        Attribute("sticky_control", AttributeType.BOOL, "true"),
        Attribute("terramechanics", AttributeType.BOOL, "false"),
    )
    tags = _TAGS[car.base_type]
    extent = (car.length / 2.0, car.width / 2.0, car.height / 2.0)
    return Blueprint(type_id, Kind.VEHICLE, attributes, extent, (0.0, 0.0, car.height / 2.0), tags, _spec(type_id, car))


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


def _friction_trigger() -> Blueprint:
    """CARLA's: its half sizes are centimetres."""
    values = {"friction": "3.5", "extent_x": "1.0", "extent_y": "1.0", "extent_z": "1.0"}
    attributes = (Attribute(name, AttributeType.FLOAT, value) for name, value in values.items())
    return Blueprint("static.trigger.friction", Kind.TRIGGER, tuple(attributes))


def _missing(type_id: str) -> Blueprint:
    """A sensor of CARLA's that scripts look up whether they use it or not; spawning it is refused."""
    size = (("image_size_x", "800"), ("image_size_y", "600"))
    attributes = (text("role_name", "front"), *(Attribute(name, AttributeType.INT, value) for name, value in size))
    return Blueprint(type_id, Kind.CLIENT_SENSOR, attributes)


MISSING_SENSORS = frozenset({"sensor.camera.cosmos_visualization", "sensor.other.rss"})


def _library() -> dict[str, Blueprint]:
    blueprints = [
        *map(_vehicle, VEHICLES),
        *map(_walker, _WALKERS),
        *map(_prop, _PROPS),
        *sensor_blueprints(),
        _friction_trigger(),
        *map(_missing, MISSING_SENSORS),
        Blueprint("controller.ai.walker", Kind.CONTROLLER, (text("role_name", "default"),)),
    ]
    return {blueprint.type_id: blueprint for blueprint in sorted(blueprints, key=lambda b: b.type_id)}


BLUEPRINTS = _library()
"""Every blueprint by type id, in CARLA's (alphabetical) order."""

LARGEST_REACH_M = max(math.hypot(*blueprint.extent_m[:2]) for blueprint in BLUEPRINTS.values())
"""From the middle of the largest of them to its corner, seen from above."""


def definitions() -> list[list]:
    """The blueprint library as `get_actor_definitions` sends it."""
    return [
        [
            uid,
            blueprint.type_id,
            ",".join(blueprint.type_id.split(".")),
            [[a.name, int(a.type), a.value, _recommended(a), a.modifiable, a.restricted] for a in blueprint.attributes],
        ]
        for uid, blueprint in enumerate(BLUEPRINTS.values(), start=1)
    ]


def _recommended(attribute: Attribute) -> list[str]:
    """As in CARLA, what can be set recommends at least its default; scripts take the first one."""
    return list(attribute.recommended) or [attribute.value] * attribute.modifiable
