"""Semantic labels for cameras and rays: CARLA 0.9.16's semantic tags, and numbers for instances."""

from __future__ import annotations

import enum

import numpy as np

LABEL = np.dtype([("tag", "u1"), ("spare", "u1"), ("thing", "<u2")])
"""A tag and the number of an instance (a building, a tree); 0 for surfaces that are no instance."""

LAST_THING = 0xFFFF
"""The town's instances are numbered from here down, and actors from 1 up, so that the numbers seldom clash."""


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
