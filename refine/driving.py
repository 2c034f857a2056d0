"""What every headless drive needs first: the policy's camera as the session attaches it, and a server to drive on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from cockpit.rig.camera_spec import CameraSpec
from cockpit.world.simulator import launch_simulator
from policy.vla.checkpoint import CameraSettings, settings_of


def camera_specs(cameras: Mapping[str, CameraSettings]) -> list[CameraSpec]:
    """A policy's cameras as the session attaches them."""
    return [
        CameraSpec(name, camera.width, camera.height, camera.fov_rad, camera.pose_in_ego)
        for name, camera in cameras.items()
    ]


def policy_cameras(folder: Path | str) -> list[CameraSpec]:
    """The cameras that a checkpoint was trained with; the default one for a model that was not trained here.

    Raises CheckpointError for a folder that holds no policy.
    """
    return camera_specs(settings_of(folder).cameras)


@contextlib.contextmanager
def server(simulator: tuple[str, int] | None, rendering: bool = True) -> Iterator[tuple[str, int]]:
    """Host and port to drive on: `simulator` where one runs, else the embedded one for as long as the block lasts."""
    if simulator is not None:
        yield simulator
        return
    with launch_simulator(rendering=rendering) as running:
        yield "127.0.0.1", running.port
