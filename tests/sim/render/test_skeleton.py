"""Bones are where the figure that is drawn has its limbs."""

import numpy as np
import pytest

from sim.render.models.poses import posed, sink_m, turns
from sim.render.models.skeleton import in_parent, skeleton
from sim.render.models.walkers import walker
from sim.scene.poses import compose
from sim.scene.records import DrawnActor
from sim.town.solids import Joint

HALF_M = 0.93
PARTS = {
    "crl_foot__L": Joint.SHIN_LEFT,
    "crl_toe__R": Joint.SHIN_RIGHT,
    "crl_leg__R": Joint.SHIN_RIGHT,
    "crl_hand__L": Joint.ARM_LEFT,
    "crl_handIndexEnd__R": Joint.ARM_RIGHT,
    "crl_arm__R": Joint.ARM_RIGHT,
}


def person(stride):
    return DrawnActor(7, "walker.pedestrian.0003", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (0.2, 0.2, HALF_M), stride=stride)


def bones_of(stride):
    return {bone.name: bone for bone in skeleton(person(stride))}


@pytest.mark.parametrize("stride", [-1.0, 0.0, 0.2, 0.45, 0.7])
def test_bones_lie_in_their_limbs(stride):
    drawn = person(stride)
    model = walker(drawn.type_id, drawn.extent_m)
    places, _ = posed(model, turns(drawn), 0)
    places[:, 2] += HALF_M - sink_m(drawn)
    bones = bones_of(stride)
    for name, joint in PARTS.items():
        limb = places[model.vertices["joint"] == joint]
        nearest_m = np.linalg.norm(limb - np.array(bones[name].pose[:3]), axis=1).min()
        assert nearest_m < 0.09, (name, nearest_m)
        low, high = limb.min(axis=0) - 0.01, limb.max(axis=0) + 0.01
        assert np.all(low <= bones[name].pose[:3]), name
        assert np.all(bones[name].pose[:3] <= high), name


def test_legs_change_places_in_half_a_stride_and_the_head_stays_up():
    first, second = bones_of(0.0), bones_of(0.5)
    ahead_m = first["crl_foot__L"].pose.x - first["crl_foot__R"].pose.x
    assert abs(ahead_m) > 0.3
    assert second["crl_foot__L"].pose.x - second["crl_foot__R"].pose.x == pytest.approx(-ahead_m, abs=0.02)
    assert first["crl_Head__C"].pose.z > 1.5
    assert first["crl_root"].pose.z == pytest.approx(0.0)


def test_all_bones_have_their_parents_before_them_and_can_be_put_together_from_the_root():
    bones, world = bones_of(0.3), {}
    assert len(bones) == 66
    for name, bone in bones.items():
        relative = in_parent(bone, bones)
        world[name] = compose(world[bone.parent], relative) if bone.parent else relative
        assert world[name] == pytest.approx(bone.pose, abs=1e-6)
