"""The vehicles that can be spawned, a row each, under CARLA's ids.

Lengths, widths and heights are near the bounding boxes of CARLA's own models (entered by hand, not read from its
files); masses, wheelbases and powers are near those of the real vehicles (two-wheelers with their rider).
"""

from __future__ import annotations

from typing import NamedTuple


class VehicleRow(NamedTuple):
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
    generation: int = 2


def _old(length: float, width: float, height: float, mass: float, wheelbase: float, power: float, *more) -> VehicleRow:
    """A vehicle of CARLA's first generation of models."""
    return VehicleRow(length, width, height, mass, wheelbase, power, *more)._replace(generation=1)


def _two_wheels(
    length: float, width: float, height: float, mass: float, wheelbase: float, power: float, kind: str
) -> VehicleRow:
    return VehicleRow(length, width, height, mass, wheelbase, power, 0.0, 40.0, kind, "", 1)


VEHICLES = {
    "vehicle.audi.a2": _old(3.7054, 1.7887, 1.5471, 1000.0, 2.405, 55.0),
    "vehicle.audi.etron": _old(4.8557, 2.0328, 1.6494, 2490.0, 2.928, 300.0, 0.5, 35.0, "car", "electric"),
    "vehicle.audi.tt": VehicleRow(4.1812, 1.9941, 1.3852, 1410.0, 2.505, 169.0, 0.5),
    "vehicle.bh.crossbike": _two_wheels(1.4873, 0.8593, 1.0795, 92.0, 1.05, 0.4, "bicycle"),
    "vehicle.bmw.grandtourer": _old(4.6110, 2.2417, 1.6673, 1475.0, 2.780, 110.0),
    "vehicle.carlamotors.carlacola": _old(5.2038, 2.6146, 2.4767, 5500.0, 3.20, 130.0, 0.0, 42.0, "truck"),
    "vehicle.carlamotors.european_hgv": VehicleRow(7.9355, 2.8927, 3.4665, 12000.0, 4.30, 300.0, 0.0, 42.0, "truck"),
    "vehicle.carlamotors.firetruck": VehicleRow(
        8.4680, 2.8910, 3.8275, 9500.0, 4.80, 250.0, 0.0, 42.0, "truck", "emergency"
    ),
    "vehicle.chevrolet.impala": _old(5.3575, 2.0332, 1.4107, 1720.0, 2.837, 224.0),
    "vehicle.citroen.c3": _old(3.9877, 1.8508, 1.6172, 1090.0, 2.466, 60.0),
    "vehicle.diamondback.century": _two_wheels(1.6428, 0.5725, 1.1937, 88.0, 1.02, 0.45, "bicycle"),
    "vehicle.dodge.charger_2020": VehicleRow(5.0078, 1.8816, 1.5333, 1920.0, 3.052, 218.0, 0.0),
    "vehicle.dodge.charger_police": _old(4.9742, 2.0385, 1.5421, 1920.0, 3.052, 276.0, 0.0, 35.0, "car", "emergency"),
    "vehicle.dodge.charger_police_2020": VehicleRow(
        5.2375, 1.9631, 1.6390, 1960.0, 3.052, 276.0, 0.0, 35.0, "car", "emergency"
    ),
    "vehicle.ford.ambulance": VehicleRow(6.3654, 2.3511, 2.4314, 3900.0, 3.66, 130.0, 0.0, 38.0, "van", "emergency"),
    "vehicle.ford.crown": VehicleRow(5.3657, 1.8006, 1.5749, 1900.0, 2.913, 186.0, 0.0, 35.0, "car", "taxi"),
    "vehicle.ford.mustang": _old(4.7175, 1.8948, 1.3008, 1650.0, 2.720, 310.0, 0.0),
    "vehicle.gazelle.omafiets": _two_wheels(1.8350, 0.6289, 1.1634, 96.0, 1.13, 0.3, "bicycle"),
    "vehicle.harley-davidson.low_rider": _two_wheels(2.3556, 0.7638, 1.2766, 380.0, 1.63, 64.0, "motorcycle"),
    "vehicle.jeep.wrangler_rubicon": VehicleRow(3.8668, 1.9052, 1.8779, 1930.0, 2.46, 147.0, 0.5),
    "vehicle.kawasaki.ninja": _two_wheels(2.0333, 0.8024, 1.1454, 270.0, 1.40, 100.0, "motorcycle"),
    "vehicle.lincoln.mkz_2017": _old(4.9017, 2.1283, 1.5107, 1700.0, 2.85, 140.0),
    "vehicle.lincoln.mkz_2020": VehicleRow(4.8924, 1.8367, 1.4907, 1750.0, 2.85, 140.0),
    "vehicle.mercedes.coupe": _old(5.0268, 2.1515, 1.6506, 1990.0, 2.945, 270.0, 0.0),
    "vehicle.mercedes.coupe_2020": VehicleRow(4.6737, 2.0011, 1.4415, 1735.0, 2.840, 190.0, 0.0),
    "vehicle.mercedes.sprinter": VehicleRow(5.9152, 1.9884, 2.5607, 2600.0, 3.67, 105.0, 0.0, 38.0, "van"),
    "vehicle.micro.microlino": _old(2.2071, 1.4809, 1.3760, 513.0, 1.565, 12.5, 0.0, 35.0, "car", "electric"),
    "vehicle.mini.cooper_s": VehicleRow(3.8058, 1.9700, 1.4750, 1225.0, 2.495, 120.0),
    "vehicle.mini.cooper_s_2021": VehicleRow(4.5527, 2.0970, 1.7670, 1300.0, 2.567, 141.0),
    "vehicle.mitsubishi.fusorosa": VehicleRow(10.2726, 3.9443, 4.2528, 5800.0, 4.99, 129.0, 0.0, 42.0, "bus"),
    "vehicle.nissan.micra": VehicleRow(3.6334, 1.8451, 1.5002, 1030.0, 2.45, 59.0),
    "vehicle.nissan.patrol": _old(4.6045, 1.9316, 1.8548, 2400.0, 2.970, 118.0, 0.0),
    "vehicle.nissan.patrol_2021": VehicleRow(5.5653, 2.1505, 2.0452, 2750.0, 3.075, 298.0, 0.0),
    "vehicle.seat.leon": _old(4.1928, 1.8163, 1.4740, 1350.0, 2.636, 110.0),
    "vehicle.tesla.cybertruck": VehicleRow(
        6.2735, 2.3896, 2.0982, 3100.0, 3.807, 450.0, 0.5, 35.0, "truck", "electric"
    ),
    "vehicle.tesla.model3": VehicleRow(
        4.7918, 2.1635, 1.4876, 1847.0, 2.875, 211.0, 0.0, 70.0, "car", "electric"
    ),  # CARLA's lock
    "vehicle.toyota.prius": _old(4.5135, 2.0068, 1.5248, 1400.0, 2.700, 90.0),
    "vehicle.vespa.zx125": _two_wheels(1.8047, 0.8679, 1.2360, 190.0, 1.28, 6.5, "motorcycle"),
    "vehicle.volkswagen.t2": _old(4.4805, 2.0691, 2.0393, 1300.0, 2.40, 50.0, 0.0, 38.0, "van"),
    "vehicle.volkswagen.t2_2021": VehicleRow(4.4424, 1.7768, 1.9871, 1350.0, 2.40, 55.0, 0.0, 38.0, "van"),
    "vehicle.yamaha.yzf": _two_wheels(2.2098, 0.8679, 1.2510, 280.0, 1.41, 147.0, "motorcycle"),
}
