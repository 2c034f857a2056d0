"""The claim of the whole rig: across screens that meet at an angle the world is seen as through windows.

Three virtual X displays, walls at 45 degrees, an eye off the middle; what the displays show is grabbed and measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.virtual_displays import virtual_displays
from tests.cockpit.rig.painted_line import EYE, MOVED, bend_px, fitted_normal, room, seen_rays, true_normal

HERE = Path(__file__).parent


def child(environment, *arguments):
    command = [sys.executable, str(HERE / "xvfb_child.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=["cpu", "gl"])
def folder(request, tmp_path_factory):
    made = tmp_path_factory.mktemp(request.param)
    with virtual_displays(3) as environment:
        report = child(environment, "line", request.param, str(made))
    assert report == {"displays": ["D0", "D1", "D2"], "renderer": request.param}
    return made


def rays_of(folder, case, eye):
    rig = room()
    pictures = {screen.name: np.load(folder / f"{case}-{screen.name}.npy") for screen in rig.screens}
    return rig, seen_rays(rig, pictures, eye)


@pytest.mark.parametrize(("case", "eye"), [("rest", EYE), ("moved", MOVED)])
def test_a_line_across_three_walls_is_straight_as_seen_from_the_eye(folder, case, eye):
    rig, rays = rays_of(folder, case, eye)
    assert all(len(part) > 700 for part in rays.values())  # the line is seen on all screens
    assert bend_px(rig, rays, fitted_normal(rays)) < 1.5


@pytest.mark.parametrize(("case", "eye"), [("rest", EYE), ("moved", MOVED)])
def test_and_it_is_where_it_would_be_behind_a_window(folder, case, eye):
    rig, rays = rays_of(folder, case, eye)
    assert bend_px(rig, rays, true_normal(rig, eye)) < 1.5


def test_a_rig_that_does_not_follow_the_eye_bends_the_line(folder):
    """The measure itself: pictures for the eye at rest, looked at from 0.4 m beside it."""
    rig, rays = rays_of(folder, "stale", MOVED)
    assert bend_px(rig, rays, fitted_normal(rays)) > 10


def test_the_instruments_can_be_read_alike_whoever_draws_them(tmp_path):
    """OpenGL's unpacking state is shared with Qt: left as our uploads want it, every letter was torn."""
    with virtual_displays(3) as environment:
        child(environment, "hud", str(tmp_path))
    # Blurred: OpenGL draws edges without smoothing, which is not what this is about.
    cpu, gl = (cv2.blur(np.load(tmp_path / f"hud-{name}.npy"), (5, 5)).astype(int) for name in ("cpu", "gl"))
    assert (cpu.min(axis=2) > 180).mean() > 0.003  # there is something to read
    assert (np.abs(cpu - gl).max(axis=2) > 60).mean() < 0.0002
