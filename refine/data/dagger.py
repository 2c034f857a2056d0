"""Samples from the policy's own drives (DAgger, arXiv 1011.0686), labelled by the expert every few ticks.

The safety driver takes over where the policy fails, and its seconds are kept too. The expert that labels sees what the
policy's camera shows (LEAD, arXiv 2512.20563); the safety driver sees everything.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.session.headless import run_headless_route
from cockpit.session.ports import TickConsumer
from cockpit.session.setup import Stage
from cockpit.world.simulator import launch_simulator
from policy.expert.expert import Expert
from policy.expert.safety_driver import SafetyDriver
from policy.serving.process import PolicyProcess
from policy.vla.checkpoint import PolicySettings, read_settings
from policy.vla.observation import observation_at
from recorder.schema import Tick
from refine.data.collect import SLOW_S
from refine.data.collect_config import MARGIN_M, WEATHERS
from refine.data.processes import is_parent_alive, share_out
from refine.data.samples import SHARD_PATTERN, SampleBuffer
from refine.data.truth import Truth, TruthCameras, as_seen
from refine.driving import camera_specs

STRETCH_M = 100.0
"""Samples of one such stretch of a drive share a group."""
_KEPT_TICKS = 40
"""Label pictures come a tick or two after their tick, never so late."""


class DaggerConfig(BaseModel):
    """The drives on which a trained policy is corrected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rounds: int = Field(default=4, ge=0)
    drives: int = Field(default=96, ge=1)
    """Random routes a round; with `every` and `route_m` about a fifth of the scattered samples."""
    route_m: float = Field(default=400.0, gt=0)
    every: int = Field(default=5, ge=1)
    """Ticks between two samples."""
    towns: tuple[str, ...] = ("Millbrook", "Ashford", "Highfield", "Kingsway")
    """Taken in turn, drive by drive."""
    traffic: tuple[int, ...] = (20, 40)
    weathers: tuple[str, ...] = WEATHERS
    workers: int = Field(default=2, ge=1)
    time_limit_s: float = Field(default=180.0, gt=0)
    """Simulated seconds after which a drive ends."""


@dataclass(frozen=True, slots=True)
class DaggerProgress:
    """How many drives of a round are done."""

    drives: int
    total: int


def drive_of(config: DaggerConfig, round_number: int, number: int) -> SessionConfig:
    """The settings of one drive; those of another round share no route with it."""
    rng = np.random.default_rng((round_number, number))
    return SessionConfig(
        seed=int(rng.integers(1, 2**31)),
        town=config.towns[number % len(config.towns)],
        weather=str(rng.choice(config.weathers)),
        traffic=TrafficConfig(count=int(rng.choice(config.traffic))),
        random_route_m=config.route_m,
        realtime=False,
        time_limit_s=config.time_limit_s,
        sensor_timeout_s=SLOW_S,
    )


def collect_dagger(
    out: Path,
    folder: Path,
    config: DaggerConfig,
    round_number: int,
    on_progress: Callable[[DaggerProgress], None] | None = None,
) -> None:
    """Let the policy in `folder` drive, and keep the expert's answers: one shard a drive, in several processes.

    Drives that are there already are not driven again. Raises `RefineError` where a process dies again and again.
    """
    out.mkdir(parents=True, exist_ok=True)

    def report() -> None:
        if on_progress is not None:
            on_progress(DaggerProgress(sum(1 for _ in out.glob(SHARD_PATTERN)), config.drives))

    share_out(functools.partial(_drive_share, out, folder, config, round_number), config.workers, report)
    report()


def _drive_share(out: Path, folder: Path, config: DaggerConfig, round_number: int, worker: int, workers: int) -> None:
    """One process: its own simulator and policy, every so many-th drive that is not there yet."""
    names = {number: f"d{round_number}n{number:04d}" for number in range(worker, config.drives, workers)}
    missing = {number: name for number, name in names.items() if not list(out.glob(f"shard_{name}_*.npz"))}
    if not missing:
        return
    with launch_simulator(seed=round_number) as simulator, PolicyProcess(folder) as policy:
        policy.wait_ready()
        for number, name in missing.items():
            if not is_parent_alive():
                return
            session = drive_of(config, round_number, number).model_copy(update={"port": simulator.port})
            kept = KeptDrive(SampleBuffer(out, name, 10**9), read_settings(folder), config.every, session.seed)
            drive(session, policy, kept)


def drive(
    session: SessionConfig, policy: PolicyProcess, kept: KeptDrive, watching: Sequence[TickConsumer] = ()
) -> None:
    """One random route with the expert watching, whose samples go into `kept`."""

    def consumers(stage: Stage) -> list[TickConsumer]:
        kept.look(stage)
        return [kept, *watching]

    cameras = camera_specs(kept.settings.cameras)
    run_headless_route(session, None, policy, SafetyDriver(), consumers, cameras=cameras)


class KeptDrive:
    """A `TickConsumer` that keeps every so many-th tick with the expert's answer to what its camera shows."""

    def __init__(self, buffer: SampleBuffer, settings: PolicySettings, every: int, group: int) -> None:
        self.settings = settings
        self._buffer, self._every, self._group = buffer, every, group
        self._expert = Expert()
        self._cameras: TruthCameras | None = None
        self._recent: deque[Tick] = deque(maxlen=_KEPT_TICKS)

    def look(self, stage: Stage) -> None:
        """Attach the label cameras; before the drive begins."""
        every_s = self._every * stage.config.fixed_delta_s
        self._cameras = TruthCameras(stage.world.world, stage.world.ego, self.settings.camera, every_s)

    def consume(self, tick: Tick) -> None:
        """Take a tick."""
        self._recent.append(tick)
        self._keep_arrived()

    def close(self) -> None:
        """Write what there is."""
        if self._cameras is not None:
            self._keep_arrived()
            self._cameras.close()
        self._buffer.flush()

    def _keep_arrived(self) -> None:
        truths = [] if self._cameras is None else self._cameras.arrived()
        for truth in truths:
            tick = next((one for one in self._recent if one.frame == truth.frame), None)
            if tick is not None and tick.route.length_m - tick.route.driven_m >= MARGIN_M:
                self._add(tick, truth)

    def _add(self, tick: Tick, truth: Truth) -> None:
        label = self._expert.plan_trajectory(as_seen(tick, truth), self.settings.horizon, self.settings.step_s)
        stretch = (self._group + int(tick.route.driven_m // STRETCH_M) * 7919) % 2**31
        self._buffer.add(tick, observation_at([tick], self.settings), label, stretch, truth=truth)
