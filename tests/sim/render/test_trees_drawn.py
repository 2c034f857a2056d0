"""What trees look like from a car: ragged crowns with holes, in colours, depth and labels alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.rays.scene import RayScene
from sim.render.renderer import Renderer
from sim.scene.camera import axes, focal
from sim.scene.labels import Tag
from sim.scene.records import CameraView, SceneState, Shows
from sim.town.sites import Thrower
from sim.town.tree_models import GROVE_KINDS, STREET_KINDS, VARIANTS, tree_model

AWAY_M = 10.0
WHOLLY_SEEN_M2 = 28.0
"""A crown with this plan fits into the picture."""
ROUND = 4.0 * math.pi  # a disc's outline, squared, over its area


def lone_trees(renderer: Renderer, count: int) -> list[Thrower]:
    """Trees that stand furthest from whatever else stands."""
    throwers = renderer.town.scenery.throwers
    places = np.array([thrower.footprint.centroid.coords[0] for thrower in throwers])
    some = [k for k, t in enumerate(throwers) if t.tag == Tag.VEGETATION and t.low_m > t.ground_m + 1.6]
    trees = [k for k in some if throwers[k].footprint.area < WHOLLY_SEEN_M2]
    apart = [np.sort(np.linalg.norm(places - places[k], axis=1))[1] for k in trees]
    return [throwers[trees[k]] for k in np.argsort(apart)[-count:]]


def towards(tree: Thrower, shows: Shows = Shows.COLOUR) -> CameraView:
    """From the height of a driver's eye, up into the crown."""
    x, y = tree.footprint.centroid.coords[0]
    z = tree.ground_m + 1.6
    pitch = math.atan2((tree.low_m + tree.high_m) / 2.0 - z, AWAY_M)
    return CameraView(320, 320, 50.0, x - AWAY_M, y, z, pitch=pitch, shows=shows)


def crown_of(renderer: Renderer, tree: Thrower) -> tuple[np.ndarray, np.ndarray]:
    """The tree's mask, and the depth (m) of its picture."""
    labels, depth = renderer.draw(SceneState(), [towards(tree, Shows.INSTANCE), towards(tree, Shows.DEPTH)])
    green = labels[..., 2] == Tag.VEGETATION
    metres = depth[..., 2::-1].astype(float) @ np.array([1.0, 256.0, 65536.0]) / (256.0**3 - 1.0) * 1000.0
    return green & (np.abs(metres - AWAY_M) < 7.0), metres


def outline(mask: np.ndarray) -> float:
    """The squared length of a mask's outline over its area, by the edges between pixels."""
    edges = np.abs(np.diff(mask.astype(int), axis=0)).sum() + np.abs(np.diff(mask.astype(int), axis=1)).sum()
    return (math.pi / 4.0 * float(edges)) ** 2 / float(mask.sum())


def test_crowns_ten_metres_away_are_ragged_and_not_round(renderer):
    ragged = [outline(crown_of(renderer, tree)[0]) / ROUND for tree in lone_trees(renderer, 6)]
    assert np.mean(ragged) > 2.7  # a ball on a stick has 1.2 to 1.8
    assert min(ragged) > 2.0


def test_leaves_of_a_crown_differ_in_brightness(renderer):
    differences = []
    for tree in lone_trees(renderer, 6):
        mask, _ = crown_of(renderer, tree)
        (colour,) = renderer.draw(SceneState(), [towards(tree)])
        beside = np.abs(np.diff(colour[..., 1].astype(float), axis=1))
        differences.append(beside[mask[:, 1:] & mask[:, :-1]].mean())
    assert np.mean(differences) > 2.2  # of 255, from pixel to pixel; a smooth ball has 1.0 to 1.7


def test_colour_and_labels_show_the_same_leaves(renderer):
    (tree,) = lone_trees(renderer, 1)
    mask, _ = crown_of(renderer, tree)
    view = towards(tree)
    (colour,) = renderer.draw(SceneState(), [view])
    rgb = colour[..., 2::-1].astype(int)
    sky = (rgb[..., 2] > rgb[..., 1] + 15) & (rgb[..., 2] > 120)
    top = np.s_[:160]  # above the horizon: there it is either the tree or the sky
    assert (sky[top] & mask[top]).mean() < 0.002
    assert mask[top].mean() > 0.1


def test_rays_meet_a_crown_about_where_it_is_seen_and_its_trunk_exactly(renderer):
    rays = RayScene(renderer.town, ())
    for tree in lone_trees(renderer, 3):
        mask, metres = crown_of(renderer, tree)
        view = towards(tree)
        rows, columns = (a[::7] for a in np.nonzero(mask))
        fx, fy = focal(view)
        across = ((columns + 0.5) / view.width * 2.0 - 1.0) / fx
        above = (1.0 - (rows + 0.5) / view.height * 2.0) / fy
        forward, right, up = axes(view.roll, view.pitch, view.yaw)
        way = forward + across[:, None] * right + above[:, None] * up
        along = np.linalg.norm(way, axis=1)
        hits = rays.cast(np.array([view.x, view.y, view.z]), way / along[:, None], 60.0)
        near = np.abs(hits.distance_m / along - metres[rows, columns]) < 1.5
        assert near.mean() > 0.7
        assert (hits.tag[near] == Tag.VEGETATION).all()
        trunk = rays.cast(np.array([view.x, view.y, tree.ground_m + 1.0]), np.array([[1.0, 0.0, 0.0]]), 60.0)
        assert trunk.distance_m[0] == pytest.approx(AWAY_M, abs=0.5)


def test_every_kind_of_tree_fits_its_height_and_stands_on_the_ground():
    for kind in {*STREET_KINDS, *GROVE_KINDS}:
        for variant in range(VARIANTS):
            model = tree_model(kind, variant)
            assert model.core.points[:, 2].max() < 1.08
            assert model.core.points[:, 2].min() > 0.5 * kind.low
            assert model.wood.points[:, 2].min() == pytest.approx(-0.05, abs=0.01)
            assert all(np.isfinite(shell.points).all() for shell in (*model.cards, model.far_core))
