"""Writes ashford.xodr, a flat small town without a through road: roundabouts, stop and yield signs, parked-up streets.

Run `python assets/maps/build_ashford.py` to write the file anew; the same code always writes the same bytes.

The town (x east, y north, metres):

       .------------(S)--------------(Y)---------------------.        (S) stop sign on the stem
      /   Hill Lane  | (-220,180)     | (0,180)  North Row    |       (Y) yield sign on the stem
     |               | West           | Church                |       (A) all-way stop
     |               | Lane           | Street                |       (R) roundabout
      `-------------(A)=== Market ===(R)====== Street =======(R)      (L) signalised
                     | (-220,0)       | (0,0)                 | (320,0)
                     | West           | Bridge                |       ===  parking lanes, zebra crossings
                     | Lane           | Street                |
       .------------(S)--------------(L)------------(Y)-------'
      /         (-220,-180)      (0,-180)       (160,-180)  South Row
      `----------------- Common Road ----------------'                50 km/h outside the middle of town
"""

from __future__ import annotations

from reference_lines import path_through
from town_builder import JunctionPlan, Ring, TownPlan, add_ring, write
from town_roads import RoadPlan, SpeedSign, Verge

CENTRE, EAST = Ring(0.0, 0.0), Ring(320.0, 0.0)


def road(name: str, points, radii=(), **more) -> RoadPlan:
    """A street through control points."""
    return RoadPlan(name, path_through(points, radii), limit_kmh=more.pop("limit_kmh", 30), **more)


def town() -> TownPlan:
    """Streets, junctions and the two roundabouts."""
    roads = {
        1: road("Market Street", [(-206.0, 0.0), CENTRE.mouth(180)], parking=True, crossings=[85.0]),
        2: road("Market Street East", [CENTRE.mouth(0), EAST.mouth(180)], parking=True, crossings=[70.0, 170.0]),
        3: road("Church Street", [CENTRE.mouth(90), (0.0, 166.0)], parking=True),
        4: road("Bridge Street", [CENTRE.mouth(270), (0.0, -166.0)], parking=True, crossings=[60.0]),
        5: road("North Row", [(-206.0, 180.0), (-14.0, 180.0)]),
        6: road("North Row East", [(14.0, 180.0), (320.0, 180.0), EAST.mouth(90)], [50.0], limit_kmh=50,
                signs=[SpeedSign(40.0, 50), SpeedSign(70.0, 30, forward=False)]),
        7: road("South Row", [(-206.0, -180.0), (-14.0, -180.0)]),
        8: road("South Row Middle", [(14.0, -180.0), (146.0, -180.0)]),
        9: road("West Lane", [(-220.0, 14.0), (-220.0, 166.0)]),
        10: road("West Lane South", [(-220.0, -14.0), (-220.0, -166.0)]),
        11: road("Hill Lane", [(-234.0, 0.0), (-380.0, 0.0), (-380.0, 180.0), (-234.0, 180.0)], [40.0, 60.0],
                 limit_kmh=50, signs=[SpeedSign(25.0, 50), SpeedSign(25.0, 50, forward=False)]),
        12: road("Common Road", [(-234.0, -180.0), (-330.0, -180.0), (-330.0, -310.0), (160.0, -310.0),
                                 (160.0, -194.0)], [40.0, 50.0, 60.0], limit_kmh=50, verge=Verge.RURAL,
                 signs=[SpeedSign(20.0, 50), SpeedSign(20.0, 50, forward=False), SpeedSign(300.0, 70),
                        SpeedSign(640.0, 50)]),
        13: road("South Row East", [(174.0, -180.0), (320.0, -180.0), EAST.mouth(270)], [50.0]),
    }  # fmt: skip
    junctions = [
        JunctionPlan(100, "Market Cross", [(1, "start"), (9, "start"), (11, "start"), (10, "start")],
                     stops=[0, 1, 2, 3], crosswalks=[0, 1]),
        JunctionPlan(200, "Hill Corner", [(5, "start"), (11, "end"), (9, "end")], stops=[2], crosswalks=[2]),
        JunctionPlan(300, "Church Corner", [(5, "end"), (6, "start"), (3, "end")], yields=[2], crosswalks=[2]),
        JunctionPlan(400, "Common Corner", [(7, "start"), (12, "start"), (10, "end")], stops=[2]),
        JunctionPlan(500, "Bridge Corner", [(7, "end"), (8, "start"), (4, "end")], phases=[(0, 1), (2,)],
                     crosswalks=[0, 1, 2]),
        JunctionPlan(600, "Mill Corner", [(8, "end"), (13, "start"), (12, "end")], yields=[2]),
    ]  # fmt: skip
    plan = TownPlan("ashford", roads, junctions)
    add_ring(plan, CENTRE, 20, 700, "Market Circle",
             [(0.0, 2, "start"), (90.0, 3, "start"), (180.0, 1, "end"), (270.0, 4, "start")])  # fmt: skip
    add_ring(plan, EAST, 30, 800, "East Circle", [(90.0, 6, "end"), (180.0, 2, "end"), (270.0, 13, "end")])
    return plan


if __name__ == "__main__":
    write(town(), __file__)
