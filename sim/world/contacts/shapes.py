"""Convex outlines that meet: separating axes over a tick's motion, and the middle of what two outlines share.

An outline is (n, 2) corners that run from x towards y and the (n, 2) outward normals of its sides, side k leading from
corner k to the next. Found by the separating axis theorem (Gottschalk, Lin and Manocha, "OBBTree", 1996), over a linear
motion as in Ericson, "Real-Time Collision Detection", 5.5.8.
"""

import numpy as np

from sim.kernels import part

MOST_SHARED = 20
"""Corners that two outlines' shared area can have, and some to spare."""


@part
def meet(
    a: np.ndarray,
    a_normals: np.ndarray,
    a_count: int,
    b: np.ndarray,
    b_normals: np.ndarray,
    b_count: int,
    moved_x: float,
    moved_y: float,
    touching_m: float,
) -> tuple[float, float, float, bool]:
    """Whether outline a has run into b: (depth in m, normal x, y from b to a, whether this tick's motion explains it).

    `moved` is how a has moved relative to b in this tick. What comes from outside is met by the side at which it
    enters, however far it has gone since; its depth is how far it must go back along that side's normal. Outlines that
    were within `touching_m` of touching along an axis at the tick's beginning slide along each other: then that axis
    counts, and not the end of the next piece of a long wall. Depth 0: they have not met.
    """
    least, least_x, least_y = -np.inf, 0.0, 0.0
    sliding, sliding_x, sliding_y = -np.inf, 0.0, 0.0
    entered, entered_x, entered_y, entered_gap = 0.0, 0.0, 0.0, 0.0
    left, was_outside = 1.0, False
    for of_b in range(2):
        for k in range(b_count if of_b else a_count):
            gap = np.inf
            if of_b:
                x, y = b_normals[k, 0], b_normals[k, 1]
                for corner in range(a_count):
                    gap = min(gap, x * (a[corner, 0] - b[k, 0]) + y * (a[corner, 1] - b[k, 1]))
            else:
                x, y = -a_normals[k, 0], -a_normals[k, 1]
                for corner in range(b_count):
                    gap = min(gap, x * (a[k, 0] - b[corner, 0]) + y * (a[k, 1] - b[corner, 1]))
            away = x * moved_x + y * moved_y
            before = gap - away
            if gap > least:
                least, least_x, least_y = gap, x, y
            if before > touching_m:
                was_outside = True
                if away >= 0.0:
                    return 0.0, 0.0, 0.0, False
                if before > -away * entered:
                    entered, entered_x, entered_y, entered_gap = before / -away, x, y, gap
            elif before >= -touching_m and gap > sliding:
                sliding, sliding_x, sliding_y = gap, x, y
            if away > 0.0 and gap > 0.0:
                left = min(left, max(-before, 0.0) / away)
    if (was_outside and entered > left) or (not was_outside and least >= 0.0):
        return 0.0, 0.0, 0.0, False
    if sliding > -np.inf:
        return max(-sliding, 0.0), sliding_x, sliding_y, True
    if was_outside:
        return -entered_gap, entered_x, entered_y, True
    return -least, least_x, least_y, False


@part
def shared_middle(
    a: np.ndarray,
    a_count: int,
    b: np.ndarray,
    b_normals: np.ndarray,
    b_count: int,
    margin_m: float,
    one: np.ndarray,
    other: np.ndarray,
) -> tuple[float, float, bool]:
    """The mean corner of the area that lies in a and in b grown by a margin, and whether there is one.

    `one` and `other` are (`MOST_SHARED`, 2) to work in. Clipped by Sutherland and Hodgman's algorithm.
    """
    count = a_count
    for k in range(count):
        one[k, 0], one[k, 1] = a[k, 0], a[k, 1]
    for side in range(b_count):
        x, y = b_normals[side, 0], b_normals[side, 1]
        limit = x * b[side, 0] + y * b[side, 1] + margin_m
        kept = 0
        for k in range(count):
            last = count - 1 if k == 0 else k - 1
            beyond = x * one[k, 0] + y * one[k, 1] - limit
            beyond_last = x * one[last, 0] + y * one[last, 1] - limit
            if (beyond_last > 0.0) != (beyond > 0.0):
                share = beyond_last / (beyond_last - beyond)
                other[kept, 0] = one[last, 0] + (one[k, 0] - one[last, 0]) * share
                other[kept, 1] = one[last, 1] + (one[k, 1] - one[last, 1]) * share
                kept += 1
            if beyond <= 0.0:
                other[kept, 0], other[kept, 1] = one[k, 0], one[k, 1]
                kept += 1
        one, other, count = other, one, kept
    x, y = 0.0, 0.0
    for k in range(count):
        x += one[k, 0]
        y += one[k, 1]
    return (x / count, y / count, True) if count > 0 else (0.0, 0.0, False)
