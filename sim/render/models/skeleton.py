"""The bones of a walker, under the names of CARLA's skeleton, where the drawn figure has its limbs.

A figure has fewer joints than the skeleton: hips, knees and shoulders turn, the other bones go with them. Fingers lie
in the drawn hand.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sim.render.models.poses import ARM_SHARE, sink_m, turns
from sim.render.models.walkers import look_of, number_in
from sim.scene.poses import Pose
from sim.scene.records import DrawnActor

KNEE, SHOULDER = -0.235, 0.29
"""Of the height, above the middle of the body; hips are there."""
_PIVOTS = {"thigh": 0.0, "shin": KNEE, "arm": SHOULDER}
_FINGERS = {"Thumb": (0.020, 0.004), "Index": (0.012, -0.003), "Middle": (0.006, -0.004), "Ring": (0.0, -0.003),
            "Pinky": (-0.006, 0.0)}  # fmt: skip
_PHALANGES = (("", 0.40), ("01", 0.60), ("02", 0.80), ("End", 1.0))


class Bone(NamedTuple):
    """One bone in a frame at the walker's feet that looks along x."""

    name: str
    parent: str
    """Empty for the root."""
    pose: Pose


class _Rest(NamedTuple):
    """A bone of a standing figure: place in shares of the height, and the joints that turn it, the innermost first."""

    name: str
    parent: str
    place: tuple[float, float, float]
    joints: tuple[str, ...] = ()


def _rest(broad: float) -> list[_Rest]:
    bones = [
        _Rest("crl_root", "", (0.0, 0.0, -0.5)),
        _Rest("crl_hips__C", "crl_root", (0.0, 0.0, 0.01)),
        _Rest("crl_spine__C", "crl_hips__C", (0.0, 0.0, 0.08)),
        _Rest("crl_spine01__C", "crl_spine__C", (0.0, 0.0, 0.20)),
    ]
    for end, side in (("__L", -1.0), ("__R", 1.0)):
        bones += _arm(end, side, broad)
    bones += [
        _Rest("crl_neck__C", "crl_spine01__C", (-0.005, 0.0, 0.315)),
        _Rest("crl_Head__C", "crl_neck__C", (0.008, 0.0, 0.385)),
        _Rest("crl_eye__L", "crl_Head__C", (0.058, -0.018, 0.435)),
        _Rest("crl_eye__R", "crl_Head__C", (0.058, 0.018, 0.435)),
    ]
    for end, side in (("__R", 1.0), ("__L", -1.0)):
        bones += _leg(end, side, broad)
    return bones


def _arm(end: str, side: float, broad: float) -> list[_Rest]:
    joints = ("arm" + end,)
    hand = (0.035, side * 0.135, 0.015)
    bones = [
        _Rest("crl_shoulder" + end, "crl_spine01__C", (0.0, side * 0.05, 0.30)),
        _Rest("crl_arm" + end, "crl_shoulder" + end, (0.0, side * 0.112 * broad, SHOULDER), joints),
        _Rest("crl_foreArm" + end, "crl_arm" + end, (-0.012, side * 0.140 * broad, 0.135), joints),
        _Rest("crl_hand" + end, "crl_foreArm" + end, hand, joints),
    ]
    for finger, (ahead, aside) in _FINGERS.items():
        parent = "crl_hand" + end
        for part, share in _PHALANGES:
            place = (hand[0] + 0.012 + ahead * share, hand[1] + side * aside, hand[2] - 0.060 * share)
            bones.append(_Rest(f"crl_hand{finger}{part}{end}", parent, place, joints))
            parent = bones[-1].name
    return bones


def _leg(end: str, side: float, broad: float) -> list[_Rest]:
    thigh, shin = ("thigh" + end,), ("shin" + end, "thigh" + end)
    y = side * 0.052 * broad
    return [
        _Rest("crl_thigh" + end, "crl_hips__C", (0.0, 0.9 * y, 0.0), thigh),
        _Rest("crl_leg" + end, "crl_thigh" + end, (0.006, y, KNEE), shin),
        _Rest("crl_foot" + end, "crl_leg" + end, (-0.012, side * 0.048, -0.455), shin),
        _Rest("crl_toe" + end, "crl_foot" + end, (0.035, side * 0.055, -0.483), shin),
        _Rest("crl_toeEnd" + end, "crl_toe" + end, (0.085, side * 0.055, -0.485), shin),
    ]


def skeleton(walker: DrawnActor) -> list[Bone]:
    """The bones of a walker in its present pose, parents before children."""
    height_m = 2.0 * walker.extent_m[2]
    left_hip, left_knee, right_hip, right_knee = turns(walker)
    angles = {
        "thigh__L": left_hip,
        "shin__L": left_knee,
        "arm__L": ARM_SHARE * right_hip,
        "thigh__R": right_hip,
        "shin__R": right_knee,
        "arm__R": ARM_SHARE * left_hip,
    }
    sunk = sink_m(walker)
    return [_posed(rest, angles, height_m, sunk) for rest in _rest(look_of(number_in(walker.type_id)).broad)]


def _posed(rest: _Rest, angles: dict[str, float], height_m: float, sunk_m: float) -> Bone:
    x, y, z = rest.place
    turned = 0.0
    for joint in rest.joints:
        pivot = _PIVOTS[joint[:-3]]
        c, s = math.cos(angles[joint]), math.sin(angles[joint])
        x, z = c * x + s * (z - pivot), pivot - s * x + c * (z - pivot)
        turned += angles[joint]
    # The root stays on the ground when the body sinks.
    down = sunk_m if rest.parent else 0.0
    place = (height_m * x, height_m * y, height_m * (z + 0.5) - down)
    return Bone(rest.name, rest.parent, Pose(*place, pitch=-turned))


def in_parent(bone: Bone, bones: dict[str, Bone]) -> Pose:
    """A bone's pose in the frame of its parent bone; the root's own for the root."""
    if not bone.parent:
        return bone.pose
    parent = bones[bone.parent].pose
    dx, dz = bone.pose.x - parent.x, bone.pose.z - parent.z
    c, s = math.cos(parent.pitch), math.sin(parent.pitch)
    x, z = c * dx + s * dz, c * dz - s * dx
    return Pose(x, bone.pose.y - parent.y, z, pitch=bone.pose.pitch - parent.pitch)
