"""OpenDRIVE text as plain data: the only place in the simulator that reads its XML.

Roads with their reference lines, lanes, road marks, speed limits, signals and objects, and the signals' controllers.
Nothing is decided here: lanes, lights and meshes are made of these records elsewhere. Points come out in CARLA's frame
(y is negated against OpenDRIVE), with `t` kept as in OpenDRIVE: metres to the left of the reference line.
"""

from __future__ import annotations

import functools
import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

import numpy as np

Element = ET.Element
XmlError = ET.ParseError
Poly = tuple[float, float, float, float, float]  # start, a, b, c, d
SHAPES = {
    "line": (),
    "arc": ("curvature",),
    "spiral": ("curvStart", "curvEnd"),
    "poly3": ("a", "b", "c", "d"),
    "paramPoly3": ("aU", "bU", "cU", "dU", "aV", "bV", "cV", "dV"),
}
"""The shapes of a reference line's elements, and the numbers of each."""
MPS_PER_UNIT = {"km/h": 1.0 / 3.6, "mph": 0.44704, "m/s": 1.0}
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
    orientation: str
    """"+" for traffic along the road, "-" against it, "none" for both."""
    length: float
    width: float
    validity: tuple[tuple[int, int], ...]
    """(from, to) ids of the lanes that a signal is for; empty for all of its direction, and for objects."""
    z_offset: float = 0.0
    height: float = 0.0
    value: str = ""
    unit: str = ""
    repeats: tuple[tuple[float, float, float, float], ...] = ()
    """(s, length, t at the beginning, t at the end) of what runs on along the road."""


@dataclass(frozen=True)
class Controller:
    """Signals that show the same, and the place of their phase in the junction's cycle."""

    id: str
    sequence: int
    signal_ids: tuple[str, ...]


@dataclass(frozen=True)
class Road:
    """A road with everything along it."""

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
    signal_references: tuple[RoadItem, ...] = ()
    """Signals of other roads that are for this road too; of each only id, s, orientation and validity are known."""
    limits: tuple[tuple[float, float], ...] = ()
    """(s, m/s) of the road's speed limits; NaN from where there is none."""

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


def number(element: Element, name: str, default: float = 0.0) -> float:
    """An attribute as a number."""
    text = element.get(name)
    return default if text in (None, "") else float(text)  # type: ignore[arg-type]


def lenient(element: Element, name: str, default: float = 0.0) -> float:
    """An attribute that only matters for looks, as a number; the default where it is none."""
    try:
        return number(element, name, default)
    except ValueError:
        return default


def speed_mps(text: str, unit: str) -> float:
    """A speed limit in m/s; NaN for what is no speed above 0 ("no limit" and "undefined" are allowed)."""
    try:
        value = float(text or "nan")
    except ValueError:
        return math.nan
    return value * MPS_PER_UNIT.get(unit, 1.0) if value > 0.0 else math.nan


def polys(elements: list[Element], start: str) -> tuple[Poly, ...]:
    """`a b c d` records, sorted by their start."""
    return tuple(
        sorted((number(e, start), number(e, "a"), number(e, "b"), number(e, "c"), number(e, "d")) for e in elements)
    )


def read_geometry(element: Element) -> Geometry:
    """One `<geometry>`."""
    shape = next((child for child in element if child.tag in SHAPES), None)
    if shape is None:
        raise ValueError(f"a <geometry> holds none of {', '.join(SHAPES)}")
    values = {name: number(shape, name) for name in SHAPES[shape.tag]}
    values["normalized"] = 0.0 if shape.get("pRange") == "arcLength" else 1.0
    return Geometry(
        *(number(element, name) for name in ("s", "x", "y", "hdg", "length")), kind=shape.tag, values=values
    )


def read_lane(element: Element, section_s: float) -> Lane:
    """One `<lane>`."""
    marks = tuple(
        sorted(
            (
                Mark(
                    section_s + lenient(m, "sOffset"),
                    m.get("type", "none"),
                    m.get("color", "standard"),
                    lenient(m, "width", 0.15),
                )
                for m in element.findall("roadMark")
            ),
            key=lambda mark: mark.s,
        )
    )
    return Lane(
        int(element.get("id", "0")), element.get("type", "none"), polys(element.findall("width"), "sOffset"), marks
    )


def read_item(element: Element) -> RoadItem:
    """One `<signal>`, `<signalReference>` or `<object>`; of an object, no number makes a map unusable."""
    is_object = element.tag == "object"
    lanes = [] if is_object else element.findall("validity")
    return RoadItem(
        id=element.get("id", ""),
        kind=element.get("type", ""),
        subtype=element.get("subtype", ""),
        s=lenient(element, "s") if is_object else number(element, "s"),
        t=lenient(element, "t"),
        heading=lenient(element, "hOffset") + lenient(element, "hdg"),
        orientation=element.get("orientation", "none"),
        length=lenient(element, "length"),
        width=lenient(element, "width"),
        validity=tuple((int(v.get("fromLane", "0")), int(v.get("toLane", "0"))) for v in lanes),
        z_offset=lenient(element, "zOffset"),
        height=lenient(element, "height"),
        value=element.get("value", ""),
        unit=element.get("unit", ""),
        repeats=tuple(
            (lenient(r, "s"), lenient(r, "length"), lenient(r, "tStart"), lenient(r, "tEnd", lenient(r, "tStart")))
            for r in element.findall("repeat")
        ),
    )


def read_controller(element: Element) -> Controller:
    """One `<controller>`."""
    signal_ids = tuple(control.get("signalId", "") for control in element.findall("control"))
    return Controller(element.get("id", ""), int(element.get("sequence", "0")), signal_ids)


def read_road(element: Element) -> Road:
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
        junction=int(lenient(element, "junction", -1.0)),
        length=length,
        geometry=tuple(read_geometry(g) for g in element.findall("planView/geometry")),
        elevation=polys(element.findall("elevationProfile/elevation"), "s"),
        lane_offset=polys(element.findall("lanes/laneOffset"), "s"),
        sections=tuple(sections),
        signals=tuple(read_item(s) for s in element.findall("signals/signal")),
        objects=tuple(read_item(o) for o in element.findall("objects/object")),
        kind=next((t.get("type", "") for t in element.findall("type")), ""),
        signal_references=tuple(read_item(r) for r in element.findall("signals/signalReference")),
        limits=tuple(
            sorted(
                (number(t, "s"), speed_mps(speed.get("max", ""), speed.get("unit") or "m/s"))
                for t in element.findall("type")
                if (speed := t.find("speed")) is not None
            )
        ),
    )


def root_of(opendrive: str) -> Element:
    """The outermost element; XmlError when the text is not well-formed."""
    return ET.fromstring(opendrive)  # noqa: S314  (our own map file, or the one the user gave the simulator)


def read_roads(opendrive: str) -> tuple[Road, ...]:
    """All roads of an OpenDRIVE text.

    Raises:
        ValueError: the text is not OpenDRIVE or has no roads.
    """
    return _read(opendrive)[0]


def read_controllers(opendrive: str) -> tuple[Controller, ...]:
    """The signals' controllers of an OpenDRIVE text, in its order; ValueError as of `read_roads`."""
    return _read(opendrive)[1]


@functools.lru_cache(maxsize=2)
def _read(opendrive: str) -> tuple[tuple[Road, ...], tuple[Controller, ...]]:
    # Kept, because lanes, signals, meshes and navigation are each made from the same text when a map is loaded.
    try:
        root = root_of(opendrive)
    except XmlError as error:
        raise ValueError(f"the map is not readable as OpenDRIVE: {error}; give the text of an .xodr file") from error
    roads = tuple(read_road(element) for element in root.iter("road"))
    if not roads:
        raise ValueError("the map has no <road>; give the text of an OpenDRIVE .xodr file")
    return roads, tuple(read_controller(element) for element in root.findall("controller"))
