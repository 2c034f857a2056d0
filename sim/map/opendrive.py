"""OpenDRIVE read for drawing: reference lines, lane borders, road marks, signals and objects as plain data.

Only what a picture needs is read; where traffic may go is the simulator's business. Results are in CARLA's frame
(y is negated against OpenDRIVE), with `t` kept as in OpenDRIVE: metres to the left of the reference line.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

import numpy as np

Poly = tuple[float, float, float, float, float]  # start, a, b, c, d
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class Geometry:
    """One element of a reference line, in OpenDRIVE's frame."""

    s: float
    x: float
    y: float
    hdg: float
    length: float
    kind: str
    values: dict[str, float]

    def pose(self, ds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y, heading at distances `ds` from the element's start."""
        u, v, turn = self.local(ds)
        c, s = math.cos(self.hdg), math.sin(self.hdg)
        return self.x + c * u - s * v, self.y + s * u + c * v, self.hdg + turn

    def local(self, ds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same in the element's own frame."""
        v = self.values
        if self.kind == "line":
            return ds, np.zeros_like(ds), np.zeros_like(ds)
        if self.kind in ("arc", "spiral"):
            k0 = v["curvature"] if self.kind == "arc" else v["curvStart"]
            rate = 0.0 if self.kind == "arc" else (v["curvEnd"] - k0) / self.length
            at = ds[:, None] * (NODES + 1.0) / 2.0
            heading = k0 * at + rate * at**2 / 2.0
            half = ds / 2.0
            return (
                (np.cos(heading) @ WEIGHTS) * half,
                (np.sin(heading) @ WEIGHTS) * half,
                k0 * ds + rate * ds**2 / 2.0,
            )
        if self.kind == "poly3":
            y = v["a"] + ds * (v["b"] + ds * (v["c"] + ds * v["d"]))
            return ds, y, np.arctan(v["b"] + ds * (2.0 * v["c"] + ds * 3.0 * v["d"]))
        p = ds / self.length if v.get("normalized", 1.0) else ds
        x = v["aU"] + p * (v["bU"] + p * (v["cU"] + p * v["dU"]))
        y = v["aV"] + p * (v["bV"] + p * (v["cV"] + p * v["dV"]))
        du = v["bU"] + p * (2.0 * v["cU"] + p * 3.0 * v["dU"])
        dv = v["bV"] + p * (2.0 * v["cV"] + p * 3.0 * v["dV"])
        return x, y, np.arctan2(dv, du)


@dataclass(frozen=True)
class Mark:
    """A road mark at a lane's outer border from `s` on (along the road)."""

    s: float
    kind: str
    color: str
    width: float


@dataclass(frozen=True)
class Lane:
    """One lane of a section; `widths` are cubics over the distance from the section's start."""

    id: int
    kind: str
    widths: tuple[Poly, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Section:
    """Lanes between `s` and `end`."""

    s: float
    end: float
    lanes: dict[int, Lane]

    def borders(self, lane_id: int, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`t` of the inner and the outer border of a lane, without the lane offset."""
        inner = np.zeros_like(s)
        outer = np.zeros_like(s)
        sign = 1 if lane_id > 0 else -1
        for i in range(1, abs(lane_id) + 1):
            inner = outer
            outer = outer + sign * cubics(self.lanes[sign * i].widths, s - self.s)
        return inner, outer


@dataclass(frozen=True)
class RoadItem:
    """A signal or an object beside or on a road."""

    id: str
    kind: str
    subtype: str
    s: float
    t: float
    heading: float  # hOffset or hdg, relative to the road (rad, OpenDRIVE's sense)
    backward: bool
    length: float
    width: float
    lanes: tuple[int, int] | None
    z_offset: float = 0.0
    height: float = 0.0
    value: str = ""
    repeats: tuple[tuple[float, float, float, float], ...] = ()
    """(s, length, t at the beginning, t at the end) of what runs on along the road."""


@dataclass(frozen=True)
class Road:
    """A road with everything drawn along it."""

    id: int
    junction: int
    length: float
    geometry: tuple[Geometry, ...]
    elevation: tuple[Poly, ...]
    lane_offset: tuple[Poly, ...]
    sections: tuple[Section, ...]
    signals: tuple[RoadItem, ...] = field(default=())
    objects: tuple[RoadItem, ...] = field(default=())
    kind: str = ""
    """OpenDRIVE's road type, such as town or motorway; the first one where it changes."""

    @property
    def is_level(self) -> bool:
        """Whether it neither rises nor falls."""
        return not any(b or c or d for _, _, b, c, d in self.elevation)

    def points(self, s: np.ndarray, t: np.ndarray | float) -> np.ndarray:
        """(n, 3) points in CARLA's frame at road coordinates s, t."""
        s = np.asarray(s, dtype=float)
        x, y, hdg = np.empty_like(s), np.empty_like(s), np.empty_like(s)
        starts = np.array([g.s for g in self.geometry])
        which = np.clip(np.searchsorted(starts, s + 1e-9, side="right") - 1, 0, None)
        for i in np.unique(which):
            chosen = which == i
            x[chosen], y[chosen], hdg[chosen] = self.geometry[i].pose(s[chosen] - starts[i])
        t = t + cubics(self.lane_offset, s)
        return np.stack([x - t * np.sin(hdg), -(y + t * np.cos(hdg)), cubics(self.elevation, s)], axis=1)

    def heading(self, s: float) -> float:
        """CARLA yaw (rad) of the reference line at `s`."""
        element = max((g for g in self.geometry if g.s <= s + 1e-9), key=lambda g: g.s)
        return -float(element.pose(np.array([s - element.s]))[2][0])

    def stations(self, start: float, end: float, straight_m: float = 6.0, bend_m: float = 2.0) -> np.ndarray:
        """Distances at which to cut the surface: coarse on straights, fine in bends."""
        cuts = {start, end}
        for g in self.geometry:
            low, high = max(g.s, start), min(g.s + g.length, end)
            if high - low > 1e-6:
                step = straight_m if g.kind == "line" else bend_m
                cuts.update(np.linspace(low, high, max(2, math.ceil((high - low) / step) + 1)).tolist())
        ordered = np.array(sorted(cuts))
        return ordered[np.concatenate([[True], np.diff(ordered) > 1e-6])]


def cubics(pieces: tuple[Poly, ...], s: np.ndarray) -> np.ndarray:
    """Piecewise cubic polynomials at `s`; zero where there are none."""
    value = np.zeros_like(s, dtype=float)
    for start, a, b, c, d in pieces:
        ds = s - start
        value = np.where(ds >= -1e-9, a + ds * (b + ds * (c + ds * d)), value)
    return value


def number(element: ET.Element, name: str, default: float = 0.0) -> float:
    """An attribute as a number."""
    text = element.get(name)
    return default if text in (None, "") else float(text)  # type: ignore[arg-type]


def polys(elements: list[ET.Element], start: str) -> tuple[Poly, ...]:
    """`a b c d` records, sorted by their start."""
    return tuple(
        sorted((number(e, start), number(e, "a"), number(e, "b"), number(e, "c"), number(e, "d")) for e in elements)
    )


def read_geometry(element: ET.Element) -> Geometry:
    """One `<geometry>`."""
    shape = element[0]
    values = {k: float(v) for k, v in shape.attrib.items() if k != "pRange"}
    values["normalized"] = 0.0 if shape.get("pRange") == "arcLength" else 1.0
    return Geometry(
        *(number(element, name) for name in ("s", "x", "y", "hdg", "length")), kind=shape.tag, values=values
    )


def read_lane(element: ET.Element, section_s: float) -> Lane:
    """One `<lane>`."""
    marks = tuple(
        sorted(
            (
                Mark(
                    section_s + number(m, "sOffset"),
                    m.get("type", "none"),
                    m.get("color", "standard"),
                    number(m, "width", 0.15),
                )
                for m in element.findall("roadMark")
            ),
            key=lambda mark: mark.s,
        )
    )
    return Lane(
        int(element.get("id", "0")), element.get("type", "none"), polys(element.findall("width"), "sOffset"), marks
    )


def read_item(element: ET.Element) -> RoadItem:
    """One `<signal>` or `<object>`."""
    validity = element.find("validity")
    lanes = None if validity is None else (int(validity.get("fromLane", "0")), int(validity.get("toLane", "0")))
    return RoadItem(
        id=element.get("id", ""),
        kind=element.get("type", ""),
        subtype=element.get("subtype", ""),
        s=number(element, "s"),
        t=number(element, "t"),
        heading=number(element, "hOffset") + number(element, "hdg"),
        backward=element.get("orientation") == "-",
        length=number(element, "length"),
        width=number(element, "width"),
        lanes=lanes,
        z_offset=number(element, "zOffset"),
        height=number(element, "height"),
        value=element.get("value") or element.get("subtype", ""),
        repeats=tuple(
            (number(r, "s"), number(r, "length"), number(r, "tStart"), number(r, "tEnd", number(r, "tStart")))
            for r in element.findall("repeat")
        ),
    )


def read_road(element: ET.Element) -> Road:
    """One `<road>`."""
    length = number(element, "length")
    raw = sorted(element.findall("lanes/laneSection"), key=lambda e: number(e, "s"))
    ends = [number(e, "s") for e in raw[1:]] + [length]
    sections = []
    for section, end in zip(raw, ends, strict=True):
        start = number(section, "s")
        lanes = [read_lane(lane, start) for lane in section.iter("lane")]
        sections.append(Section(start, end, {lane.id: lane for lane in lanes}))
    return Road(
        id=int(element.get("id", "0")),
        junction=int(element.get("junction", "-1")),
        length=length,
        geometry=tuple(read_geometry(g) for g in element.findall("planView/geometry")),
        elevation=polys(element.findall("elevationProfile/elevation"), "s"),
        lane_offset=polys(element.findall("lanes/laneOffset"), "s"),
        sections=tuple(sections),
        signals=tuple(read_item(s) for s in element.findall("signals/signal")),
        objects=tuple(read_item(o) for o in element.findall("objects/object")),
        kind=next((t.get("type", "") for t in element.findall("type")), ""),
    )


def read_roads(opendrive: str) -> list[Road]:
    """All roads of an OpenDRIVE text.

    Raises:
        ValueError: the text is not OpenDRIVE or has no roads.
    """
    try:
        root = ET.fromstring(opendrive)  # noqa: S314  (our own map file, or the one the user gave the simulator)
    except ET.ParseError as error:
        raise ValueError(f"the map is not readable as OpenDRIVE: {error}; give the text of an .xodr file") from error
    roads = [read_road(element) for element in root.iter("road")]
    if not roads:
        raise ValueError("the map has no <road>; give the text of an OpenDRIVE .xodr file")
    return roads
