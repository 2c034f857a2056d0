"""What a drive is made of, before it runs: settings that were checked, the devices opened for it, and its recorder.

Nothing is shared between threads here, and nothing drives: that is `app.drive.running_session`.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.config import DriverChoice, RunConfig
from app.study.study import Trial
from cockpit.config import ConfigError
from cockpit.devices import DeviceError, find_driver_source
from cockpit.head.eye import Head, open_head
from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.rig import Rig, load_rig, rig_path
from cockpit.route.files import read_route
from cockpit.route.planning import RouteError
from cockpit.session.ports import DriverSource
from cockpit.world.errors import WorldError, WorldLost
from cockpit.world.simulator import SimulatorError
from policy.expert.safety_driver import SafetyDriver
from policy.serving.process import PolicyProcessError
from policy.vla.adapter import check_adapter
from policy.vla.checkpoint import CheckpointError
from recorder.schema import DriverKind, SessionInfo
from recorder.session import RecordingError
from recorder.writing.writer import SegmentRecorder
from refine.driving import policy_cameras, policy_name, policy_sha256

USER_ERRORS = (
    ConfigError,
    RouteError,
    SimulatorError,
    WorldError,
    DeviceError,
    CheckpointError,
    PolicyProcessError,
    RecordingError,
    OSError,
)
"""What can go wrong without a defect of ours: shown as their message, without a traceback."""

CONNECT_S = 3.0


@dataclass(frozen=True)
class DriveParts:
    """A drive's settings, and what was opened for it; whoever runs the drive closes `driver` and `head`."""

    config: RunConfig
    rig: Rig
    driver: DriverSource | None
    cameras: tuple[CameraSpec, ...]
    trial: Trial | None = None
    head: Head | None = None


def open_parts(config: RunConfig, trial: Trial | None = None) -> DriveParts:
    """Look at rig, town, route and policy, and open the driver's device; nothing is started yet.

    Raises:
        ConfigError: rig, town, route or settings that are wrong; a trial whose participant has not consented.
        CheckpointError, AgentError, EgodriverError: no usable policy, agent or address of a server, or an adapter for
            another policy.
        DeviceError: no such input device.
        OSError: the recordings' folder cannot be written.
    """
    if trial is not None and (problem := trial.study.problem()):
        raise ConfigError(problem)
    rig = load_rig(config.rig)
    config.map_path()
    policy = config.policy_source()
    if config.route_file is not None:
        read_route(config.route_file, config.route_id)
    if config.record:
        _check_writable(config.out)
    own = rig.of_machine(None).cameras()  # each follower adds the cameras of its own screens
    cameras = own if policy is None else (*own, *policy_cameras(policy))
    if isinstance(policy, Path) and config.adapter is not None:
        check_adapter(config.adapter, policy)
    head = open_head(rig)
    try:
        return DriveParts(config, rig, _driver(config), cameras, trial, head)
    except BaseException:
        if head is not None:
            head.close()
        raise


def make_recorder(parts: DriveParts, info: Callable[..., SessionInfo]) -> SegmentRecorder:
    """The drive's recorder, in the trial's folder or a new one; `info` is `Stage.info`.

    Raises:
        RecordingError, OSError: the folder cannot be written.
    """
    config = parts.config
    policy = config.policy_source()
    described = info(
        driver=_driver_kind(parts.driver),
        driver_id=config.driver_id,
        policy="none" if policy is None else policy_name(policy),
        policy_sha256="" if policy is None else policy_sha256(policy, config.adapter),
        rig=rig_path(config.rig).read_text(encoding="utf-8"),
    )
    free = config.out / f"drive-{datetime.now():%Y%m%d-%H%M%S}"
    folder = free if parts.trial is None else parts.trial.folder
    return SegmentRecorder(_unused(folder), described, config.pre_s, config.post_s)


def check_server(host: str, port: int) -> None:
    """Ask at once whether anything listens: CARLA's client takes its whole time-out to find out.

    Raises:
        WorldLost: nothing does.
    """
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        raise WorldLost(
            f"No CARLA server answers at {host}:{port} ({error.strerror or error}). Start one (`takeover sim`, or "
            "CARLA 0.9.16), or give its address."
        ) from error


def _check_writable(folder: Path) -> None:
    """Make the recordings' folder now: a full or forbidden disk is better reported before the drive than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"cannot record into {folder}: {error.strerror or error}; choose another folder") from error


def _driver(config: RunConfig) -> DriverSource | None:
    if config.driver is DriverChoice.EXPERT:
        return SafetyDriver()
    if config.driver is DriverChoice.NONE:
        return None
    return find_driver_source(config.device_name())


def _driver_kind(driver: DriverSource | None) -> DriverKind:
    if driver is None:
        return DriverKind.NONE
    return DriverKind.EXPERT if isinstance(driver, SafetyDriver) else DriverKind.HUMAN


def _unused(folder: Path) -> Path:
    """`folder`, or with a number behind it when two drives begin within a second."""
    number, found = 1, folder
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found
