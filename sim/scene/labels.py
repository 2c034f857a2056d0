"""What things are, for the cameras and rays that tell: CARLA 0.9.16's semantic tags, and numbers for single things."""

from __future__ import annotations

import enum

import numpy as np

from sim.town.textures import ASPHALT, CLASSIC, DOOR, GRASS, HOUSE, LAMP, OFFICE, PAVING, SHOP, TILES

LABEL = np.dtype([("tag", "u1"), ("spare", "u1"), ("thing", "<u2")])
"""A tag, and which single thing (building, tree) it is: 0 for what is no single thing."""

LAST_THING = 0xFFFF
"""Things of the town are numbered from here down, so that they meet actors' ids (from 1 up) late."""


class Tag(enum.IntEnum):
    """`carla.CityObjectLabel`, as the semantic cameras of CARLA 0.9.16 send it."""

    NONE = 0
    ROADS = 1
    SIDEWALKS = 2
    BUILDINGS = 3
    WALLS = 4
    FENCES = 5
    POLES = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGNS = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIANS = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINES = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28


TAG_OF_LAYER = {
    ASPHALT: Tag.ROADS,
    PAVING: Tag.SIDEWALKS,
    GRASS: Tag.TERRAIN,
    HOUSE: Tag.BUILDINGS,
    OFFICE: Tag.BUILDINGS,
    CLASSIC: Tag.BUILDINGS,
    SHOP: Tag.BUILDINGS,
    DOOR: Tag.BUILDINGS,
    TILES: Tag.BUILDINGS,
    LAMP: Tag.POLES,
}
"""What a surface is when nothing else is said; STATIC for the rest."""
