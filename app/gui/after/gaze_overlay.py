"""The heat map of a driver's gaze, as overlays for the screens' pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage

from app.study.gaze import heat_map, heat_picture, points_on_screens, read_gaze
from cockpit.rig.projection import ScreenView, apply_homography
from cockpit.rig.rig import Rig
from cockpit.windows.layout import pane_order
from recorder.session import RecordingError, read_session

log = logging.getLogger(__name__)


def gaze_overlays(session: Path, cameras: Sequence[str], frames: tuple[int, int]) -> dict[str, QImage]:
    """By screen, where the driver looked between two frames; empty where no gaze was recorded."""
    try:
        samples = read_gaze(session, frames)
        rig = _rig(session) if samples is not None else None
    except (OSError, ValueError, RecordingError) as error:
        log.warning("the gaze of %s cannot be read: %s", session, error)
        return {}
    if samples is None or rig is None:
        return {}
    sizes = {screen.name: screen.resolution_px for screen in rig.screens}
    screens = [name for name in pane_order(rig) if name in cameras and name in sizes]
    views = {view.screen.name: view for view in rig.views()}
    found = {}
    for name, points in points_on_screens(samples, screens, [sizes[screen][0] for screen in screens]).items():
        if len(points):
            camera = views[name].camera
            found[name] = _image(heat_picture(heat_map(on_picture(views[name], points), camera.width / camera.height)))
    return found


def on_picture(view: ScreenView, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) shares of a screen converted to shares of its camera's picture, which shows more than the screen does."""
    pixels = apply_homography(np.linalg.inv(view.homography), points * view.screen.resolution_px)
    return pixels / (view.camera.width, view.camera.height)


def _rig(session: Path) -> Rig | None:
    import yaml

    text = read_session(session).rig
    if not text:
        return None
    rig = yaml.safe_load(text)
    for screen in rig["screens"]:
        screen.pop("warp", None)  # the recording has no mesh files, and gaze is in shares of the picture
    return Rig.model_validate(rig)


def _image(rgba: np.ndarray) -> QImage:
    rows, columns, _ = rgba.shape
    data = np.ascontiguousarray(rgba)
    return QImage(data.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()
