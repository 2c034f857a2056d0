"""Road signs as plates on posts: stop, give way and speed limits, placed by a map's OpenDRIVE signals.

Also what is solid of traffic lights, whose models are in `sim.render.models.figures`. A face is a cell of the texture
layer `SIGNS`; `sim.render.sign_faces` paints them. Other signs of a map are not built.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim.map.opendrive import Road, RoadItem
from sim.map.signals import Light
from sim.scene.bodies import StaticBody, ring
from sim.scene.labels import Tag
from sim.scene.surfaces import PLAIN, SIGNS
from sim.town.mesh import StaticMesh
from sim.town.roads import Outlines

CELLS = 4
"""Faces along a side of the texture layer `SIGNS`."""
STOP, GIVE_WAY, SPEED = "206", "205", "274"
LIMITS = (20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 15, 25)
DEFAULT_BOTTOM_M = 2.1
HALF_M, POST_RADIUS_M = 0.42, 0.04
LIGHT_POST_M, LIGHT_MAST_M = 0.075, 0.15
"""Radii at bumper height of a traffic light's post beside the stop line and of its mast across the junction."""
LIGHT_HEAD_M, LIGHT_FOOT_M = 2.2, 0.3
POLE_RGB = np.array([0.50, 0.52, 0.53])
BACK_RGB = np.array([0.42, 0.43, 0.44])


def outline(sides: int, turn_rad: float = 0.0) -> np.ndarray:
    """(sides, 2) corners of a regular polygon within the unit square around 0, to the right and up."""
    a = np.arange(sides) * 2.0 * np.pi / sides + turn_rad
    corners = np.stack([np.cos(a), np.sin(a)], axis=1)
    return corners / np.abs(corners).max()


SHAPES = {STOP: outline(8, np.pi / 8.0), GIVE_WAY: outline(3, -np.pi / 2.0), SPEED: outline(20)}


def face_of(item: RoadItem) -> int | None:
    """The cell of a signal's face; None if no sign is drawn for it."""
    if item.kind == STOP:
        return 0
    if item.kind == GIVE_WAY:
        return 1
    if item.kind != SPEED:
        return None
    try:
        limit = round(float(item.value or item.subtype))
    except ValueError:
        return None
    return 2 + LIMITS.index(limit) if limit in LIMITS else None


def stands(item: RoadItem) -> bool:
    """Whether a sign has a post: Millbrook's (1 m by 0.5 m on the ground) only marks where the line lies."""
    return not (item.z_offset == 0.0 and (item.height, item.width) == (1.0, 0.5))


def add_signs(roads: Sequence[Road], mesh: StaticMesh) -> int:
    """Add every sign that has a face; gives their number."""
    count = 0
    for road in roads:
        for item in road.signals:
            cell = face_of(item)
            if cell is not None and stands(item) and 0.0 <= item.s <= road.length:
                yaw = road.heading(item.s) + (math.pi if item.orientation == "-" else 0.0)
                foot = road.points(np.array([item.s]), item.t)[0]
                with mesh.labelled(Tag.TRAFFIC_SIGNS, thing=True):
                    bottom_m = item.z_offset or DEFAULT_BOTTOM_M
                    add_sign(mesh, foot, yaw, item.kind, cell, bottom_m)
                x, y, z = foot.tolist()
                mesh.stand(ring(x, y, POST_RADIUS_M), z - 0.3, z + bottom_m, Tag.TRAFFIC_SIGNS, item.id)
                count += 1
    return count


def add_sign(mesh: StaticMesh, foot: np.ndarray, yaw: float, kind: str, cell: int, bottom_m: float) -> None:
    """A plate on a post, facing those who drive along `yaw`."""
    ahead = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    right = np.array([-math.sin(yaw), math.cos(yaw), 0.0])
    angle = np.arange(7) * 2.0 * np.pi / 6.0
    circle = POST_RADIUS_M * np.stack([np.cos(angle), np.sin(angle), np.zeros(7)], axis=1)
    top = foot + np.array([0.0, 0.0, bottom_m + 1.7 * HALF_M])
    with mesh.labelled(Tag.POLES):
        mesh.strip(circle + top, circle + foot - np.array([0.0, 0.0, 0.3]), POLE_RGB, PLAIN, up=False, reach=130.0)
    corners = SHAPES[kind]
    up = np.array([0.0, 0.0, 1.0])
    middle = foot + up * (bottom_m + HALF_M) - ahead * 0.06
    plate = middle + HALF_M * (corners[:, :1] * right + corners[:, 1:] * up)
    row, column = divmod(cell, CELLS)
    inside = (corners * 0.97 + 1.0) / 2.0  # slightly within the cell, so that its neighbours do not show
    uv = (inside + np.array([column, row])) / CELLS
    fan = np.array([[0, i, i + 1] for i in range(1, len(corners) - 1)])
    mesh.add(plate, fan, (1.0, 1.0, 1.0), SIGNS, uv, tuple(-ahead), reach=220.0)
    mesh.add(plate + ahead * 0.02, fan, BACK_RGB, PLAIN, None, tuple(ahead), reach=220.0)


def light_bodies(light: Light, outlines: Outlines) -> list[StaticBody]:
    """What is solid of a traffic light: the post at its own place and the mast across its junction, if it has one."""
    far = outlines.far_side(light.x, light.y, light.yaw_rad)
    places = [(light.x, light.y, LIGHT_MAST_M if far is None else LIGHT_POST_M)]
    places += [] if far is None else [(*far, LIGHT_MAST_M)]
    low_m, high_m = light.z - LIGHT_FOOT_M, light.z + LIGHT_HEAD_M
    return [
        StaticBody(ring(x, y, radius_m, 8, light.yaw_rad), low_m, high_m, Tag.TRAFFIC_LIGHT, light.opendrive_id)
        for x, y, radius_m in places
    ]
