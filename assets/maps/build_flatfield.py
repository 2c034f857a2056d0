"""Writes flatfield.xodr, a proving ground: a circuit of six lanes around open asphalt, and a hamlet with lights.

Run `python assets/maps/build_flatfield.py` to write the file anew; the same code always writes the same bytes.

The ground (x east, y north, metres), flat:

                                .------------ North Bend --------------.
                                |                                      |
                          (31.5, 290)                            (240, 290)
                                | North                                |
                                | Straight                             |
                                |            open asphalt              | East
     .--- Hamlet Road --------(L) (31.5, -70)                          | Straight
     |                          |                                      |
     |    (-150, -145)          | West                                 |
     |                          | Straight                             |
     `------------------------(L) (31.5, -220)                         |
                          (31.5, -240)                           (240, -240)
                                |                                      |
                                `------------ South Bend --------------'

The places that CARLA's own tests and tools have written into them for its Town03 and Town05 lie on this asphalt, in
its frame (y south): 100 km/h from (27..36, -200) southwards, two cars at each other between (40, -255) and (140, -255).
"""

from __future__ import annotations

from collections.abc import Sequence

from reference_lines import path_through
from town_builder import JunctionPlan, TownPlan, write
from town_roads import RoadPlan, SpeedSign, Verge

LANES = 3
LANE_M = 3.5
WEST_X_M, EAST_X_M = 31.5, 240.0
NORTH_Y_M, SOUTH_Y_M = 290.0, -260.0
"""Where the bends begin."""
BEND_M, BEND_RADIUS_M = 110.0, 75.0
APRON_M = (EAST_X_M - WEST_X_M) / 2.0 - LANES * LANE_M
"""From the inner lanes to the middle."""
GATES_Y_M = (-220.0, -70.0)
MOUTH_M = 20.0
"""From a gate's middle to its arms, and between a straight and a bend."""
THROUGH = [(i, 1 - i, k, k) for i in (0, 1) for k in range(1, LANES + 1)]


def circuit(name: str, points: Sequence[tuple[float, float]], apron_m: float = APRON_M, **more) -> RoadPlan:
    """A part of the circuit, clockwise along its reference line: the open asphalt is on its right."""
    pieces = path_through(points, [BEND_RADIUS_M] * (len(points) - 2))
    limits = [SpeedSign(25.0, 100), SpeedSign(25.0, 100, forward=False)]
    return RoadPlan(name, pieces, (LANES, LANES), Verge.MOTORWAY, 100, LANE_M, signs=limits, apron_m=apron_m, **more)


def town() -> TownPlan:
    """Roads and junctions."""
    west, east, (low, high) = WEST_X_M, EAST_X_M, GATES_Y_M
    top, bottom = NORTH_Y_M + BEND_M, SOUTH_Y_M - BEND_M
    hamlet = [(west - MOUTH_M, low), (-150.0, low), (-150.0, high), (west - MOUTH_M, high)]
    roads = {
        1: circuit("West Straight", [(west, low + MOUTH_M), (west, high - MOUTH_M)]),
        2: circuit("North Straight", [(west, high + MOUTH_M), (west, NORTH_Y_M - MOUTH_M)]),
        3: circuit("North Bend", [(west, NORTH_Y_M), (west, top), (east, top), (east, NORTH_Y_M)], 0.0),
        4: circuit("East Straight", [(east, NORTH_Y_M - MOUTH_M), (east, SOUTH_Y_M + MOUTH_M)]),
        5: circuit("South Bend", [(east, SOUTH_Y_M), (east, bottom), (west, bottom), (west, low - MOUTH_M)], 0.0),
        6: RoadPlan("Hamlet Road", path_through(hamlet, [40.0, 40.0]), parking=True, crossings=[190.0],
                    signs=[SpeedSign(25.0, 50), SpeedSign(25.0, 50, forward=False)]),
    }  # fmt: skip
    junctions = [
        JunctionPlan(100, "South Gate", [(5, "end"), (1, "start"), (6, "start")], phases=[(0, 1), (2,)],
                     crosswalks=[2]),
        JunctionPlan(200, "North Gate", [(1, "end"), (2, "start"), (6, "end")], phases=[(0, 1), (2,)], crosswalks=[2]),
        JunctionPlan(300, "Before North Bend", [(2, "end"), (3, "start")], ways=THROUGH, marked=True),
        JunctionPlan(400, "After North Bend", [(3, "end"), (4, "start")], ways=THROUGH, marked=True),
        JunctionPlan(500, "Before South Bend", [(4, "end"), (5, "start")], ways=THROUGH, marked=True),
    ]  # fmt: skip
    return TownPlan("flatfield", roads, junctions)


if __name__ == "__main__":
    write(town(), __file__)
