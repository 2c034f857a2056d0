"""What every headless drive needs first: the policy's camera as the session attaches it, and a server to drive on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cockpit.rig.camera_spec import CameraSpec
from cockpit.world.simulator import launch_simulator
from policy.vla.checkpoint import (
    CameraSettings,
    PolicySettings,
    check_folder,
    is_hub_name,
    is_plain_model,
    read_settings,
)
from recorder.schema import POLICY_CAMERA


def camera_spec(camera: CameraSettings) -> CameraSpec:
    """A policy's camera as the session attaches it."""
    return CameraSpec(POLICY_CAMERA, camera.width, camera.height, camera.fov_rad, camera.pose_in_ego)


def policy_camera(folder: Path | str) -> CameraSpec:
    """The camera that a checkpoint was trained with; the default one for a model that was not trained here.

    Raises CheckpointError for a folder that holds no policy.
    """
    folder = Path(folder)
    is_untuned = is_hub_name(folder) or is_plain_model(folder)
    return camera_spec((PolicySettings() if is_untuned else read_settings(check_folder(folder))).camera)


@contextlib.contextmanager
def server(simulator: tuple[str, int] | None, rendering: bool = True) -> Iterator[tuple[str, int]]:
    """Host and port to drive on: `simulator` where one runs, else the embedded one for as long as the block lasts."""
    if simulator is not None:
        yield simulator
        return
    with launch_simulator(rendering=rendering) as running:
        yield "127.0.0.1", running.port
