"""What every drive needs first: the policy's process and camera, whatever kind it is of, and a server to drive on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from cockpit.rig.camera_spec import CameraSpec
from cockpit.world.simulator import launch_simulator
from policy.agents.process import AgentProcess
from policy.agents.source import AgentSource
from policy.egodriver.address import EgodriverAddress
from policy.egodriver.driver import Egodriver
from policy.serving.process import PolicyProcess
from policy.vla.checkpoint import CameraSettings, PolicySettings, checkpoint_sha256, settings_of
from recorder.schema import POLICY_CAMERA

Policy = Path | str | AgentSource | EgodriverAddress
"""A checkpoint's folder, a leaderboard agent or an egodriver server."""
FOREIGN_CAMERA = CameraSettings(width=640, height=360)
"""The session's front camera for policies that were not trained here."""


def camera_specs(cameras: Mapping[str, CameraSettings]) -> list[CameraSpec]:
    """A policy's cameras as the session attaches them."""
    return [
        CameraSpec(name, camera.width, camera.height, camera.fov_rad, camera.pose_in_ego)
        for name, camera in cameras.items()
    ]


def start_policy(policy: Policy, adapter: Path | None = None) -> PolicyProcess | AgentProcess | Egodriver:
    """The process of a checkpoint's folder or a leaderboard agent, or the line to a server; returns before it is ready.

    Raises CheckpointError for a folder that holds no policy, EgodriverError without the library of egodriver servers.
    """
    if isinstance(policy, EgodriverAddress):
        return Egodriver(policy)
    return AgentProcess(policy) if isinstance(policy, AgentSource) else PolicyProcess(policy, adapter)


def policy_name(policy: Policy) -> str:
    """What recordings call the policy: its folder's name, that of the agent's file, or the server's address."""
    return policy.name if isinstance(policy, AgentSource | EgodriverAddress) else Path(policy).name


def policy_sha256(policy: Policy, adapter: Path | None = None) -> str:
    """The hash over what the policy is made of; empty for a server's, which is not here."""
    if isinstance(policy, AgentSource):
        return policy.sha256()
    return "" if isinstance(policy, EgodriverAddress) else checkpoint_sha256(policy, adapter)


def policy_cameras(policy: Policy) -> list[CameraSpec]:
    """The cameras that a checkpoint was trained with; the default one for an agent.

    An agent has cameras of its own: this one is for those who learn from the recording. A server gets a larger one.

    Raises CheckpointError for a folder that holds no policy.
    """
    if isinstance(policy, EgodriverAddress):
        return camera_specs({POLICY_CAMERA: FOREIGN_CAMERA})
    settings = PolicySettings() if isinstance(policy, AgentSource) else settings_of(policy)
    return camera_specs(settings.cameras)


@contextlib.contextmanager
def server(simulator: tuple[str, int] | None, rendering: bool = True) -> Iterator[tuple[str, int]]:
    """Host and port to drive on: `simulator` where one runs, else the embedded one for as long as the block lasts."""
    if simulator is not None:
        yield simulator
        return
    with launch_simulator(rendering=rendering) as running:
        yield "127.0.0.1", running.port
