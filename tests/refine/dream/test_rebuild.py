"""Recorded moments, built again in the real simulator, look as they did, with whatever camera they are looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.files import read_routes, shipped_routes
from cockpit.session.headless import run_headless_route
from cockpit.world.simulator import RunningSimulator, launch_simulator
from policy.expert.safety_driver import SafetyDriver
from policy.vla.checkpoint import CameraSettings
from recorder.schema import SessionInfo, Tick
from refine.dream.rebuild import photograph
from refine.report.film import rebuilt

POLICY_CAMERA = CameraSettings()
FRONT = CameraSpec("front", POLICY_CAMERA.width, POLICY_CAMERA.height, POLICY_CAMERA.fov_rad, POLICY_CAMERA.pose_in_ego)


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with launch_simulator() as running:
        yield running


@pytest.fixture(scope="module")
def driven(simulator) -> tuple[SessionInfo, list[Tick]]:
    """Three seconds of the expert's driving in traffic, with pictures."""
    ticks: list[Tick] = []
    infos: list[SessionInfo] = []

    def keep_info(stage) -> list:
        infos.append(stage.info())
        return []

    config = SessionConfig(port=simulator.port, traffic=TrafficConfig(count=12), weather="CloudySunset")
    route = read_routes(shipped_routes("millbrook_test"))[0]
    run_headless_route(
        config, route, None, SafetyDriver(), keep_info, [FRONT], ticks.append, until=lambda tick: len(ticks) > 60
    )
    return infos[0], ticks


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of blocks of 8x8 pixels: half a degree of the body's pitch does not count, a car would."""
    coarse = [image.reshape(image.shape[0] // 8, 8, image.shape[1] // 8, 8, 3).mean(axis=(1, 3)) for image in (a, b)]
    return float(np.abs(coarse[0] - coarse[1]).mean())


def test_a_rebuilt_scene_looks_as_it_did(simulator, driven):
    info, ticks = driven
    shown = [ticks[20], ticks[60]]
    pictures = photograph(info, shown, FRONT, ("127.0.0.1", simulator.port))
    for tick, picture in zip(shown, pictures, strict=True):
        assert difference(picture, tick.cameras["front"].image) < 4.0
    # The two moments differ by more than a moment differs from its rebuilding.
    assert difference(*pictures) > 2 * difference(pictures[0], shown[0].cameras["front"].image)


def test_it_may_be_looked_at_in_another_size(simulator, driven):
    info, ticks = driven
    frames = rebuilt(info, [ticks[40]], ("127.0.0.1", simulator.port))
    assert frames is not None
    assert frames[0].image.shape == (448, 896, 3)
    assert frames[0].fov_rad == ticks[40].cameras["front"].fov_rad


def test_where_it_cannot_be_built_the_recorded_pictures_stay(simulator, driven, caplog):
    info, ticks = driven
    elsewhere = dataclasses.replace(info, map_name="Atlantis")
    assert rebuilt(elsewhere, [ticks[40]], ("127.0.0.1", simulator.port)) is None
    assert "Atlantis" in caplog.text
