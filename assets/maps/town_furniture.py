"""Signals, signs, stop lines, crosswalks and guard rails of our towns as OpenDRIVE."""

from __future__ import annotations

import math

from scenariogeneration import xodr
from scenariogeneration.xodr import signals_objects
from town_roads import DRIVE, Arm, RoadPlan, SpeedSign

CROSSWALK_FROM_END_M = (0.5, 3.5)
STOP_LINE_FROM_END_M = 4.6
STOP_LINE_WIDTH_M = 0.4
SIGNAL, STOP, YIELD, SPEED = "1000001", "206", "205", "274"
SIGN_BOTTOM_M, SIGN_M = 2.1, 0.84
NAMES = {SIGNAL: "Signal_3Light_Post01", STOP: "Sign_Stop", YIELD: "Sign_Yield", SPEED: "Sign_SpeedLimit"}


class Furniture:
    """Adds signals, signs, lines and crosswalks with numbers of their own."""

    def __init__(self, roads: dict[int, xodr.Road]) -> None:
        self._roads = roads
        self._signal, self._object = 0, 0

    def control(self, arm: Arm, kind: str, lane: int | None = None) -> str:
        """Stop line and light or sign for what drives into the junction on an arm; gives the signal's id."""
        side = arm.side_in
        at = end_distance(arm)
        inbound = [(i, strip) for i, strip in arm.strips(True)]
        drive = [i for i, strip in inbound if strip.kind == DRIVE]
        drive = [drive[lane - 1]] if lane else drive
        low = sum(strip.width_m for i, strip in inbound if abs(i) < min(map(abs, drive)))
        high = sum(strip.width_m for i, strip in inbound if abs(i) <= max(map(abs, drive)))
        edge = sum(strip.width_m for _, strip in inbound if strip.kind != "sidewalk" and not strip.is_open)
        lit = kind == SIGNAL
        self._signal += 1
        signal = xodr.Signal(
            s=at(STOP_LINE_FROM_END_M), t=side * (edge + 0.7), country="OpenDRIVE", Type=kind, id=str(self._signal),
            name=NAMES[kind], zOffset=0.0 if lit else SIGN_BOTTOM_M, height=1.0 if lit else SIGN_M,
            width=0.5 if lit else SIGN_M, dynamic=xodr.Dynamic.yes if lit else xodr.Dynamic.no,
            orientation=xodr.Orientation.positive if side < 0 else xodr.Orientation.negative,
            hOffset=0.0 if side < 0 else math.pi,
        )  # fmt: skip
        signal.add_validity(min(drive), max(drive))
        road = self._roads[arm.road]
        road.add_signal(signal)
        subtype = "giveWayLine" if kind == YIELD else "stopLine"
        self._object += 1
        road.add_object(xodr.Object(
            at(STOP_LINE_FROM_END_M), side * (low + high) / 2.0, "roadMark", subtype=subtype, id=str(self._object),
            name=subtype[:1].upper() + subtype[1:], length=STOP_LINE_WIDTH_M, width=high - low, height=0.0,
        ))  # fmt: skip
        return str(self._signal)

    def crosswalk(self, road_id: int, plan: RoadPlan, s: float) -> None:
        """A zebra crossing over the whole carriageway."""
        near, far = CROSSWALK_FROM_END_M
        spans = []
        for side in (1, -1):
            ids = plan.strips(side)
            last = max((k for k, strip in enumerate(ids) if strip.kind in (DRIVE, "shoulder")), default=-1)
            spans.append(sum(strip.width_m for strip in ids[: last + 1]))
        left, right = spans
        self._object += 1
        crossing = xodr.Object(
            s, (left - right) / 2.0, xodr.ObjectType.crosswalk, id=str(self._object), name="SimpleCrosswalk",
            length=far - near, width=left + right, height=0.0,
        )  # fmt: skip
        outline = signals_objects.Outline(closed=True)
        u, v = (far - near) / 2.0, (left + right) / 2.0
        for i, (cu, cv) in enumerate(((-u, -v), (u, -v), (u, v), (-u, v), (-u, -v))):
            outline.add_corner(signals_objects.CornerLocal(cu, cv, 0.0, 0.0, id=i))
        crossing.add_outline(outline)
        self._roads[road_id].add_object(crossing)

    def speed_sign(self, road_id: int, plan: RoadPlan, sign: SpeedSign) -> None:
        """A round sign with a limit, beside the lanes it is for."""
        side = -1 if sign.forward else 1
        edge = sum(strip.width_m for strip in plan.strips(side) if strip.kind != "sidewalk" and not strip.is_open)
        drive = [side * (k + 1) for k, strip in enumerate(plan.strips(side)) if strip.kind == DRIVE]
        self._signal += 1
        signal = xodr.Signal(
            s=sign.s if sign.forward else plan.length - sign.s, t=side * (edge + 0.7), country="OpenDRIVE", Type=SPEED,
            subtype=str(sign.kmh), id=str(self._signal), name=f"Speed_{sign.kmh}",
            zOffset=SIGN_BOTTOM_M, value=sign.kmh, unit="km/h", height=SIGN_M, width=SIGN_M,
            orientation=xodr.Orientation.positive if sign.forward else xodr.Orientation.negative,
            hOffset=0.0 if sign.forward else math.pi,
        )  # fmt: skip
        signal.add_validity(min(drive), max(drive))
        self._roads[road_id].add_signal(signal)

    def rails(self, road_id: int, plan: RoadPlan) -> None:
        """Guard rails outside the shoulders, all along."""
        for side in (1, -1):
            edge = sum(strip.width_m for strip in plan.strips(side))
            self._object += 1
            rail = xodr.Object(
                0.0, side * (edge + 0.5), xodr.ObjectType.barrier, subtype="guardRail", id=str(self._object),
                name="GuardRail", length=plan.length, width=0.3, height=0.75,
            )  # fmt: skip
            rail.repeat(plan.length, 0.0, sStart=0.0, tStart=side * (edge + 0.5), tEnd=side * (edge + 0.5),
                        heightStart=0.75, heightEnd=0.75, zOffsetStart=0.0, zOffsetEnd=0.0)  # fmt: skip
            self._roads[road_id].add_object(rail)


def end_distance(arm: Arm):
    """s of a distance before the junction."""
    length = arm.plan.length
    return (lambda d: length - d) if arm.contact == "end" else (lambda d: d)
