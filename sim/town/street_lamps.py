"""Street lamps: where they stand, their masts, and how much light they give at a place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry import Point

from sim.map.opendrive import Road
from sim.scene.bodies import ring
from sim.scene.labels import Tag
from sim.scene.surfaces import LAMP, PLAIN
from sim.town.mesh import StaticMesh
from sim.town.roads import Outlines
from sim.town.sites import edge_t

POLE_RGB = np.array([0.36, 0.38, 0.39])
LAMP_EVERY_M = 32.0
LAMP_REACH_M = 16.0
LAMP_HEAD_M = 6.6


def add_street_lamps(roads: Sequence[Road], outlines: Outlines, mesh: StaticMesh) -> np.ndarray:
    """Lamps on the sidewalks, on alternating sides."""
    heads = []
    shapely.prepare(outlines.drivable)
    for road in roads:
        for k, s in enumerate(np.arange(LAMP_EVERY_M / 2.0, road.length - 8.0, LAMP_EVERY_M)):
            side = 1 if k % 2 else -1
            edge = edge_t(road, float(s), side)
            if road.junction >= 0 or abs(edge) < 2.0:
                continue
            foot = road.points(np.array([s]), edge - side * 0.3)[0]
            over = road.points(np.array([s]), edge - side * 2.3)[0]
            if shapely.dwithin(outlines.drivable, Point(foot[:2]), 0.4):
                continue
            with mesh.labelled(Tag.POLES, thing=True):
                heads.append(add_lamp(mesh, foot, over))
    return np.array(heads).reshape(-1, 3)


def add_lamp(mesh: StaticMesh, foot: np.ndarray, over: np.ndarray) -> np.ndarray:
    """One lamp: a pole, an arm, and a head that shines at night; returns the head."""
    angle = np.arange(6) * 2.0 * np.pi / 5.0
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(6)], axis=1)
    top = foot + np.array([0.0, 0.0, 6.4])
    mesh.strip(circle * 0.06 + top, circle * 0.09 + foot, POLE_RGB, PLAIN, up=False, reach=130.0)
    x, y, z = foot.tolist()
    mesh.stand(ring(x, y, 0.09, 5), z, z + 6.4, Tag.POLES)
    head = over + np.array([0.0, 0.0, LAMP_HEAD_M])
    arm = (head - top) / np.linalg.norm(head - top)
    side = np.array([-arm[1], arm[0], 0.0])
    up = np.array([0.0, 0.0, 0.05])
    mesh.strip(np.array([top - up, head - up]), np.array([top + up, head + up]), POLE_RGB, PLAIN, up=False, reach=130.0)
    mesh.strip(np.array([top + up, head + up]), np.array([top - up, head - up]), POLE_RGB, PLAIN, up=False, reach=130.0)
    a, b = head - arm * 0.35, head + arm * 0.35
    lid, lens = np.array([0.0, 0.0, 0.06]), np.array([0.0, 0.0, -0.05])
    corners = np.array([a - side * 0.12, b - side * 0.12, b + side * 0.12, a + side * 0.12])
    quad = np.array([[0, 1, 2], [0, 2, 3]])
    mesh.add(corners + lid, quad, POLE_RGB, PLAIN, normal=(0.0, 0.0, 1.0), reach=130.0)
    mesh.add(corners + lens, quad, (0.9, 0.9, 0.85), LAMP, normal=(0.0, 0.0, -1.0), reach=200.0)
    return head


def lamp_light(points: np.ndarray, lamps: np.ndarray) -> np.ndarray:
    """(n,) share of street lamp light at (n, 3) points, 0..1."""
    if not len(lamps):
        return np.zeros(len(points))
    distance, _ = KDTree(lamps).query(points, distance_upper_bound=LAMP_REACH_M)
    return np.where(np.isfinite(distance), np.clip(1.25 - distance / LAMP_REACH_M, 0.0, 1.0) ** 1.5, 0.0) * 0.75
