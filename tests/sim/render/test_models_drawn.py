"""Models on the graphics card: each blueprint is built once whatever its pose, and wheels roll and are steered."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.render import model_store
from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, SceneState, Shows
from sim.world.blueprints import BLUEPRINTS
from tests.sim.render.test_render_lifecycle import MAPS

STREET = CameraView(320, 180, 90.0, x=10.0, y=1.75, z=3.0)
SEDAN = (2.4462, 0.9184, 0.7454)
SIDE = CameraView(320, 180, 90.0, x=-150.0, y=5.5, z=0.8, yaw=-math.pi / 2)
CAR = DrawnActor(7, "vehicle.lincoln.mkz_2020", -150.0, 1.75, 0.0, 0.0, 0.0, 0.0, SEDAN)


def crowd() -> tuple[DrawnActor, ...]:
    """Eight vehicles and eight walkers of as many blueprints, ahead of `STREET`."""
    vehicles = [b for b in BLUEPRINTS.values() if b.type_id.startswith("vehicle.")][:8]
    walkers = [b for b in BLUEPRINTS.values() if b.type_id.startswith("walker.")][:8]
    return tuple(
        DrawnActor(k + 1, b.type_id, 16.0 + 7.0 * (k // 2), 5.0 * (k % 2), b.extent_m[2] * (k > 7), 0.0, 0.0, 0.0,
                   b.extent_m, doors_open=k % 3, stride=(k % 5 - 1) / 4.0)
        for k, b in enumerate(vehicles + walkers)
    )  # fmt: skip


@pytest.fixture
def bare():
    made = Renderer(MAPS["straight"])
    yield made
    made.release()


def test_a_blueprint_is_built_once_near_and_once_coarse_whoever_comes_after_it(bare, monkeypatch):
    built: list[tuple[str, bool]] = []
    make_model = model_store.make_model

    def counted(key, fine=True):
        built.append((key[0], fine))
        return make_model(key, fine)

    monkeypatch.setattr(model_store, "make_model", counted)
    actors = crowd()
    for count in range(1, len(actors) + 1):
        for phase in (0.0, 0.3, 0.6):
            poses = [replace(actor, stride=phase, doors_open=int(10 * phase)) for actor in actors[:count]]
            bare.draw(SceneState(tuple(poses)), [STREET])
    assert len(built) == len(set(built)) == 8 * 2 + 8


def test_models_that_come_one_by_one_are_drawn_as_if_they_had_come_together(bare, monkeypatch):
    monkeypatch.setattr(model_store, "FIRST_BYTES", 1 << 12)  # so that buffers grow several times
    one_by_one = Renderer(MAPS["straight"])
    views = [STREET, replace(STREET, shows=Shows.INSTANCE)]
    for count in range(len(crowd())):
        one_by_one.draw(SceneState(crowd()[:count]), views)
    pairs = zip(one_by_one.draw(SceneState(crowd()), views), bare.draw(SceneState(crowd()), views), strict=True)
    assert all((one == other).all() for one, other in pairs)
    one_by_one.release()


def picture(renderer, car: DrawnActor, view: CameraView = SIDE) -> np.ndarray:
    (image,) = renderer.draw(SceneState((car,)), [view])
    return image[..., 2::-1].astype(int)


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one - other).sum(axis=2) > 20


def test_each_wheel_rolls_by_its_own_angle(renderer):
    still = picture(renderer, CAR)
    front, rear = (
        picture(renderer, replace(CAR, wheel_turns_rad=turned)) for turned in ((0, 0.5, 0, 0), (0, 0, 0, 0.5))
    )
    for rolled, half in ((front, np.s_[:, 160:]), (rear, np.s_[:, :160])):
        assert changed(still, rolled)[half].sum() > 20
        assert changed(still, rolled).sum() == changed(still, rolled)[half].sum()
    whole = picture(renderer, replace(CAR, wheel_turns_rad=(math.tau,) * 4))
    assert changed(still, whole).sum() < 5


@pytest.mark.parametrize("type_id", ["vehicle.diamondback.century", "vehicle.kawasaki.ninja"])
def test_the_wheels_of_two_wheelers_roll(renderer, type_id):
    bike = replace(CAR, type_id=type_id, extent_m=BLUEPRINTS[type_id].extent_m)
    rolled = replace(bike, wheel_turns_rad=(0.5, 0.5, 0.5, 0.5))
    assert changed(picture(renderer, bike), picture(renderer, rolled)).sum() > 20


def test_front_wheels_are_steered_and_rear_wheels_are_not(renderer):
    difference = changed(picture(renderer, CAR), picture(renderer, replace(CAR, steer_rad=0.5)))
    assert difference[:, 160:].sum() > 40
    assert difference[:, :160].sum() == 0
