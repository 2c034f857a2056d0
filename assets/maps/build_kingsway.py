"""Writes kingsway.xodr, a flat city by a motorway: exits and entries, six-lane boulevards, four-lane parades, lights.

Run `python assets/maps/build_kingsway.py` to write the file anew; the same code always writes the same bytes.

The town (x east, y north, metres); its southern half is the northern one turned by 180 degrees:

     .------------(L)========== North Parade ========(L)========== North Parade ========(L)
     | Lake        H (-570,240)                       |  (0,240)                         H (570,240)
     | Road        H                                  | North Street                     H       H six lanes
     |             H West                .---exit----(S)---entry---.                East H       = four lanes
     |             H Boulevard          /   (0,120)                 \\         Boulevard H       - two lanes
     |            (L)<======================= Motorway, westbound =====================(L)      (L) lights
     |            (L)======================= Motorway, eastbound =====================>(L)      (S) stop sign
     |             H                    \\   (0,-120)                /                    H
     ...

A fourth lane opens before each exit and closes after each entry, with a junction at either end, so that every lane
leads on: who is still in the closing lane gives way and merges there.
"""

from __future__ import annotations

from reference_lines import path_through
from town_builder import JunctionPlan, TownPlan, write
from town_roads import RoadPlan, SpeedSign, Verge

HALVES = ((1.0, 0, 0, ("Eastbound", "South", "West")), (-1.0, 20, 50, ("Westbound", "North", "East")))
CARRIAGEWAY_Y_M = -4.0
RAMP_Y_M = (-16.5, -24.9)  # left edge of a ramp where it leaves the motorway, and 80 m on


def half(sign: float, first: int, names: tuple[str, str, str]) -> dict[int, RoadPlan]:
    """Eastbound carriageway, southern streets, western boulevard (or, turned, the others)."""
    along, side, edge = names

    def path(points, radii=()):
        return path_through([(sign * x, sign * y) for x, y in points], radii)

    def carriageway(name: str, x0: float, x1: float, lanes: int, *signs: SpeedSign) -> RoadPlan:
        return RoadPlan(f"Motorway {along} {name}", path([(x0, CARRIAGEWAY_Y_M), (x1, CARRIAGEWAY_Y_M)]), (lanes, 0),
                        Verge.MOTORWAY, 100, signs=signs, rails=True)  # fmt: skip

    def ramp(name: str, points, signs: list[SpeedSign]) -> RoadPlan:
        return RoadPlan(f"{side} {name} ramp", path(points, [35.0, 32.0] if name == "exit" else [32.0, 35.0]), (1, 0),
                        Verge.RAMP, 50, signs=signs, rails=True)  # fmt: skip

    near, far = RAMP_Y_M
    return {
        first + 1: carriageway("1", -530.0, -380.0, 3, SpeedSign(60.0, 100)),
        first + 2: carriageway("2", -350.0, -210.0, 4),
        first + 3: carriageway("3", -170.0, 170.0, 3, SpeedSign(60.0, 100)),
        first + 4: carriageway("4", 210.0, 350.0, 4),
        first + 5: carriageway("5", 390.0, 530.0, 3, SpeedSign(20.0, 80), SpeedSign(80.0, 60)),
        first + 6: ramp("exit", [(-170.0, near), (-90.0, far), (-90.0, -120.0), (-18.0, -120.0)],
                        [SpeedSign(20.0, 50)]),
        first + 7: ramp("entry", [(18.0, -120.0), (90.0, -120.0), (90.0, far), (170.0, near)], []),
        first + 8: RoadPlan(f"{side} Street", path([(0.0, -138.0), (0.0, -216.0)]), parking=True, crossings=[39.0],
                            limit_kmh=30, signs=[SpeedSign(12.0, 30), SpeedSign(12.0, 30, forward=False)]),
        first + 9: RoadPlan(f"{side} Parade West", path([(-534.0, -240.0), (-18.0, -240.0)]), (2, 2),
                            signs=[SpeedSign(40.0, 50), SpeedSign(40.0, 50, forward=False)]),
        first + 10: RoadPlan(f"{side} Parade East", path([(18.0, -240.0), (534.0, -240.0)]), (2, 2),
                             signs=[SpeedSign(40.0, 50), SpeedSign(40.0, 50, forward=False)]),
        first + 11: RoadPlan(f"{edge} Boulevard South" if sign > 0 else f"{edge} Boulevard North",
                             path([(-570.0, -40.0), (-570.0, -212.0)]), (3, 3), median_m=4.0, limit_kmh=60),
        first + 12: RoadPlan(f"{edge} Boulevard North" if sign > 0 else f"{edge} Boulevard South",
                             path([(-570.0, 212.0), (-570.0, 40.0)]), (3, 3), median_m=4.0, limit_kmh=60),
        first + 13: RoadPlan("Lake Road" if sign > 0 else "Garden Road",
                             path([(-606.0, -240.0), (-760.0, -240.0), (-760.0, 240.0), (-606.0, 240.0)],
                                  [60.0, 60.0]),
                             parking=True, crossings=[410.0], signs=[SpeedSign(30.0, 50),
                                                                     SpeedSign(30.0, 50, forward=False)]),
    }  # fmt: skip


def crossings(first: int, other: int, base: int, names: tuple[str, str, str]) -> list[JunctionPlan]:
    """The junctions of one half; `other` is where the other half's roads are counted from."""
    side, edge = names[1], names[2]
    through = [(0, 1, k, k) for k in (1, 2, 3)]
    return [
        JunctionPlan(base + 1, f"{side} lane opens", [(first + 1, "end"), (first + 2, "start")],
                     ways=[*through, (0, 1, 3, 4)], marked=True),
        JunctionPlan(base + 2, f"{side} exit", [(first + 2, "end"), (first + 3, "start"), (first + 6, "start")],
                     ways=[*through, (0, 2, 4, 1)], marked=True),
        JunctionPlan(base + 3, f"{side} entry", [(first + 3, "end"), (first + 4, "start"), (first + 7, "end")],
                     ways=[*through, (2, 1, 1, 4)], marked=True),
        JunctionPlan(base + 4, f"{side} lane closes", [(first + 4, "end"), (first + 5, "start")],
                     ways=[*through, (0, 1, 4, 3)], yield_lanes={0: 4}, marked=True),
        JunctionPlan(base + 5, f"{side} ramps", [(first + 6, "end"), (first + 7, "start"), (first + 8, "start")],
                     stops=[0]),
        JunctionPlan(base + 6, f"{side} Street Corner", [(first + 9, "end"), (first + 10, "start"), (first + 8, "end")],
                     phases=[(0, 1), (2,)], crosswalks=[0, 1, 2]),
        JunctionPlan(base + 7, f"{side} {edge} Corner",
                     [(first + 11, "end"), (first + 9, "start"), (first + 13, "start"), (other + 10, "end")][:3],
                     phases=[(0,), (1, 2)], crosswalks=[0, 1, 2]),
        JunctionPlan(base + 8, f"{edge} Corner",
                     [(first + 12, "start"), (other + 10, "end"), (first + 13, "end")],
                     phases=[(0,), (1, 2)], crosswalks=[0, 1, 2]),
        JunctionPlan(base + 9, f"{edge} Gate",
                     [(first + 1, "start"), (other + 5, "end"), (first + 12, "end"), (first + 11, "start")],
                     phases=[(2, 3), (1,)], crosswalks=[2, 3]),
    ]  # fmt: skip


def town() -> TownPlan:
    """Both halves."""
    (s1, a1, b1, n1), (s2, a2, b2, n2) = HALVES
    roads = half(s1, a1, n1) | half(s2, a2, n2)
    return TownPlan("kingsway", roads, crossings(a1, a2, 100 + b1, n1) + crossings(a2, a1, 100 + b2, n2))


if __name__ == "__main__":
    write(town(), __file__)
