"""Writes highfield.xodr, a village in the hills: rural roads that climb and wind, stop and yield signs, no lights.

Run `python assets/maps/build_highfield.py` to write the file anew; the same code always writes the same bytes.

The land (x east, y north, metres; z in brackets is the height of a junction):

                    .-------------- Summit Road (up to 46 m) --.
                    |                                          |
     .--- North ---(N)------------- Ridge Road ----.           |
     |    Lane      | [14]  (180,420)               `---------(K) [28] (760,200)
     |              |                                          |
    (M) [6] -.      | Church Hill                              |       (N) two-way stop
     |       |      |                                          |       (K), (M) yield on the stem
     |   Mill Lane  |                                          |       (V1) yield, (V2) stop on the side roads
     |       |      |                          Hill Road       |
     `------(V1)===(V2)------------._______.-------------------'
          [0] | High  | [2]
              `-------'  Orchard Lane                    50 km/h in the village, 60 to 80 outside
"""

from __future__ import annotations

from reference_lines import path_through
from town_builder import JunctionPlan, TownPlan, write
from town_roads import RoadPlan, SpeedSign, Verge


def lane(name: str, points, radii=(), limit_kmh: int = 80, **more) -> RoadPlan:
    """A rural road through control points, with a sign for its limit at both ends."""
    signs = more.pop("signs", [SpeedSign(25.0, limit_kmh), SpeedSign(25.0, limit_kmh, forward=False)])
    return RoadPlan(name, path_through(points, radii), verge=Verge.RURAL, limit_kmh=limit_kmh, signs=signs, **more)


def town() -> TownPlan:
    """Roads and junctions."""
    roads = {
        1: RoadPlan("High Street", path_through([(14.0, 0.0), (166.0, 0.0)], ()), limit_kmh=50, parking=True,
                    crossings=[76.0]),
        2: lane("Hill Road", [(194.0, 0.0), (380.0, 0.0), (560.0, -120.0), (760.0, -60.0), (760.0, 186.0)],
                [120.0, 90.0, 80.0], heights=[(0.3, 11.0), (0.6, 25.0), (0.8, 24.0)],
                signs=[SpeedSign(30.0, 80), SpeedSign(30.0, 80, forward=False), SpeedSign(250.0, 60),
                       SpeedSign(500.0, 80)]),
        3: lane("Ridge Road", [(746.0, 200.0), (600.0, 200.0), (420.0, 420.0), (194.0, 420.0)], [90.0, 110.0],
                heights=[(0.35, 37.0), (0.65, 27.0)]),
        4: lane("Church Hill", [(180.0, 14.0), (180.0, 406.0)], (), 60,
                heights=[(0.35, 9.0), (0.65, 16.0)]),
        5: lane("North Lane", [(166.0, 420.0), (-320.0, 420.0), (-320.0, 254.0)], [80.0],
                heights=[(0.3, 5.0), (0.6, 9.0)]),
        6: lane("Valley Road", [(-320.0, 226.0), (-320.0, 0.0), (-14.0, 0.0)], [90.0], heights=[(0.5, 1.0)]),
        7: lane("Mill Lane", [(-306.0, 240.0), (0.0, 240.0), (0.0, 14.0)], [60.0], 60, heights=[(0.45, 13.0)]),
        8: lane("Summit Road", [(760.0, 214.0), (760.0, 520.0), (420.0, 620.0), (180.0, 620.0), (180.0, 434.0)],
                [100.0, 150.0, 70.0], 70, heights=[(0.22, 40.0), (0.5, 46.0), (0.8, 28.0)], rails=True),
        9: RoadPlan("Orchard Lane", path_through([(180.0, -14.0), (180.0, -220.0), (0.0, -220.0), (0.0, -14.0)],
                                                 [60.0, 60.0]), limit_kmh=50, heights=[(0.5, -3.0)]),
    }  # fmt: skip
    junctions = [
        JunctionPlan(100, "Village Cross", [(1, "start"), (7, "end"), (6, "end"), (9, "end")], yields=[1, 3],
                     crosswalks=[0]),
        JunctionPlan(200, "Church Cross", [(1, "end"), (2, "start"), (4, "start"), (9, "start")], stops=[2, 3],
                     crosswalks=[0], z=2.0),
        JunctionPlan(300, "Hill Corner", [(2, "end"), (3, "start"), (8, "start")], yields=[1], z=28.0),
        JunctionPlan(400, "North Cross", [(4, "end"), (5, "start"), (3, "end"), (8, "end")], stops=[0, 3], z=14.0),
        JunctionPlan(500, "Mill Corner", [(5, "end"), (6, "start"), (7, "start")], yields=[2], z=6.0),
    ]  # fmt: skip
    return TownPlan("highfield", roads, junctions)


if __name__ == "__main__":
    write(town(), __file__)
