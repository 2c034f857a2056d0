"""The heat map of a driver's gaze as pictures to lay over the screens'."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PyQt6.QtGui import QImage

from app.gaze import heat_map, heat_picture, points_on_screens, read_gaze
from cockpit.rig import Rig
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
    found = {}
    for name, points in points_on_screens(samples, screens, [sizes[screen][0] for screen in screens]).items():
        if len(points):
            found[name] = _image(heat_picture(heat_map(points, sizes[name][0] / sizes[name][1])))
    return found


def _rig(session: Path) -> Rig | None:
    import yaml

    text = read_session(session).rig
    return Rig.model_validate(yaml.safe_load(text)) if text else None


def _image(rgba: np.ndarray) -> QImage:
    rows, columns, _ = rgba.shape
    data = np.ascontiguousarray(rgba)
    return QImage(data.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()
