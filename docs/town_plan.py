"""Draws the plan of a town for docs/towns.md: `python docs/town_plan.py Flatfield`, from its OpenDRIVE alone."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from sim.map.opendrive import Road, RoadItem, read_roads

ROOT = Path(__file__).resolve().parents[1]
SIZE_PX, FINER, MARGIN_M = (900, 700), 4, 25.0
GRASS, DRIVEN, OTHER, WALKED = (188, 212, 194), (102, 99, 98), (138, 136, 135), (160, 168, 166)
MIDDLE, WHITE = (110, 210, 240), (255, 255, 255)
KINDS = {"driving": DRIVEN, "bidirectional": DRIVEN, "sidewalk": WALKED, "median": GRASS}
"""Colour (BGR) of a lane; other lanes, such as those for parking, are OTHER."""
SIGNS = {
    "1000001": ((60, 170, 40), 5),
    "206": ((40, 40, 200), 5),
    "205": ((20, 140, 250), 5),
    "274": ((200, 90, 50), 3),
}
"""Colour (BGR) and radius (px) of a dot, by the type of a signal."""


class Plan:
    """A picture with east to the right and north up, drawn finer than it is saved."""

    def __init__(self, roads: tuple[Road, ...]) -> None:
        ends = np.vstack([outline(road)[:, :2] for road in roads])
        self._corner = ends.min(axis=0) - MARGIN_M
        size_m = np.ptp(ends, axis=0) + 2.0 * MARGIN_M
        self._size_px = np.round(size_m * min(np.array(SIZE_PX) / size_m)).astype(int)
        self._px_per_m = FINER * self._size_px[0] / size_m[0]
        self.picture = np.full((*(FINER * self._size_px[::-1]), 3), GRASS, np.uint8)

    def at(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) int32 pixels of (n, 2 or more) world points."""
        return np.round((points[:, :2] - self._corner) * self._px_per_m).astype(np.int32)

    def area(self, points: np.ndarray, colour: tuple[int, int, int]) -> None:
        """Fill a closed line of world points."""
        cv2.fillPoly(self.picture, [self.at(points)], colour)

    def dot(self, place: np.ndarray, colour: tuple[int, int, int], radius_px: int) -> None:
        """A dot with a white edge at a (3,) world point."""
        centre = self.at(place[None])[0].tolist()
        cv2.circle(self.picture, centre, (radius_px + 1) * FINER, WHITE, -1)
        cv2.circle(self.picture, centre, radius_px * FINER, colour, -1)

    def saved(self) -> np.ndarray:
        """The picture in the size of the page."""
        return cv2.resize(self.picture, self._size_px.tolist(), interpolation=cv2.INTER_AREA)


def outline(road: Road) -> np.ndarray:
    """(n, 3) points along both edges of a road."""
    lines = []
    for section in road.sections:
        s = road.stations(section.s, section.end)
        lines += [road.points(s, section.borders(lane, s)[1]) for lane in (min(section.lanes), max(section.lanes))]
    return np.vstack(lines)


def draw_lanes(plan: Plan, road: Road, driven: bool) -> None:
    """The areas of a road's lanes: of those that are driven on, or of the others."""
    for section in road.sections:
        s = road.stations(section.s, section.end)
        for number, lane in section.lanes.items():
            colour = KINDS.get(lane.kind, OTHER)
            if number and lane.kind != "none" and (colour == DRIVEN) == driven:
                inner, outer = (road.points(s, t) for t in section.borders(number, s))
                plan.area(np.vstack([inner, outer[::-1]]), colour)


def draw_middle(plan: Plan, road: Road) -> None:
    """The yellow line in the middle of a road outside junctions."""
    for section in road.sections if road.junction < 0 else ():
        middle = section.lanes.get(0)
        if middle is not None and any(mark.color == "yellow" for mark in middle.marks):
            s = road.stations(section.s, section.end)
            line = plan.at(road.points(s, section.borders(0, s)[0]))
            cv2.polylines(plan.picture, [line], False, MIDDLE, FINER, cv2.LINE_AA)


def place_of(road: Road, item: RoadItem) -> np.ndarray:
    """(3,) world point of a sign or an object."""
    return road.points(np.array([item.s]), item.t)[0]


def draw_crosswalks(plan: Plan, road: Road) -> None:
    """White bars across the road."""
    for item in (item for item in road.objects if item.kind == "crosswalk"):
        yaw = road.heading(item.s) - item.heading
        along = np.array([np.cos(yaw), np.sin(yaw)])
        half = 0.5 * np.array([item.length * along, item.width * np.array([-along[1], along[0]])])
        corners = [half[0] + half[1], half[0] - half[1], -half[0] - half[1], half[1] - half[0]]
        plan.area(place_of(road, item)[:2] + np.array(corners), WHITE)


def draw(town: str) -> None:
    """Draw a town's plan into the folder of docs/towns.md's pictures."""
    roads = read_roads((ROOT / "assets" / "maps" / f"{town.lower()}.xodr").read_text())
    plan = Plan(roads)
    for driven in (False, True):
        for road in roads:
            draw_lanes(plan, road, driven)
    for one in (draw_middle, draw_crosswalks):
        for road in roads:
            one(plan, road)
    for road in roads:
        for sign in (sign for sign in road.signals if sign.kind in SIGNS):
            plan.dot(place_of(road, sign), *SIGNS[sign.kind])
    path = ROOT / "docs" / "images" / f"town_{town.lower()}_plan.jpg"
    cv2.imwrite(str(path), plan.saved(), [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("towns", nargs="+")
    for name in parser.parse_args().towns:
        draw(name)
