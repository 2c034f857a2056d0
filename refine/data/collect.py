"""Collecting in several processes what the small policy learns from: pictures of the town with the expert's answers.

Each process has a simulator of its own, and is started again where it dies. Where the ego is put is
`refine.data.scatter`'s work; the drives on which a trained policy is corrected are `refine.data.dagger`'s.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.session.setup import set_stage
from cockpit.world.simulator import launch_simulator
from refine.data.collect_config import CollectConfig
from refine.data.samples import SHARD_PATTERN, SampleBuffer
from refine.data.scatter import Scatter
from refine.driving import camera_specs
from refine.errors import RefineError

log = logging.getLogger(__name__)

POLL_S = 1.0
MOST_LIVES = 6
"""Crashes of one collecting process after which collecting ends."""


@dataclass(frozen=True, slots=True)
class CollectProgress:
    """How far collecting is."""

    samples: int
    total: int
    seconds: float


def collect_expert(
    out: Path, config: CollectConfig | None = None, on_progress: Callable[[CollectProgress], None] | None = None
) -> int:
    """Scatter the ego over the embedded simulator's town and write shards into `out`; returns how many samples.

    The processes share nothing; the same config gives the same samples, however fast the machine.
    Raises `RefineError` where a process dies again and again.
    """
    config = config or CollectConfig()
    out.mkdir(parents=True, exist_ok=True)
    began, before = time.monotonic(), count_samples(out, config.shard)
    share = math.ceil(config.samples / config.workers)
    workers = [_Worker(out, config, number, share) for number in range(config.workers)]
    try:
        while sum(worker.is_done() for worker in workers) < len(workers):
            time.sleep(POLL_S)
            if on_progress is not None:
                done = count_samples(out, config.shard) - before
                on_progress(CollectProgress(done, config.samples, time.monotonic() - began))
    finally:
        for worker in workers:
            worker.process.terminate()
            worker.process.join()
    return count_samples(out, config.shard) - before


def count_samples(folder: Path, shard: int) -> int:
    """About how many samples are in a folder (every shard counted as full)."""
    return shard * sum(1 for _ in folder.glob(SHARD_PATTERN))


class _Worker:
    """A collecting process, started anew where it dies: CARLA's client sometimes crashes its process."""

    def __init__(self, out: Path, config: CollectConfig, number: int, samples: int) -> None:
        self._out, self._config, self._number, self._samples = out, config, number, samples
        self._lives = 0
        self.process = self._start()

    def _start(self) -> SpawnProcess:
        name = f"s{self._config.seed}w{self._number}"
        left = self._samples - self._config.shard * len(list(self._out.glob(f"shard_{name}l*.npz")))
        arguments = (self._out, self._config, self._number, self._lives, f"{name}l{self._lives}", left)
        process = multiprocessing.get_context("spawn").Process(target=_work, args=arguments)
        process.start()
        return process

    def is_done(self) -> bool:
        """Whether the process came to its end; starts the next one where it died."""
        code = self.process.exitcode
        if code is None or code == 0:
            return code == 0
        self._lives += 1
        if self._lives == MOST_LIVES:
            raise RefineError(f"collecting process {self._number} died {MOST_LIVES} times, last with exit code {code}")
        log.warning("collecting process %d ended with exit code %d; a new one goes on", self._number, code)
        self.process = self._start()
        return False


def _work(out: Path, config: CollectConfig, worker: int, life: int, name: str, samples: int) -> None:
    """One process: its own simulator, scene after scene."""
    deadline = time.monotonic() + 60.0 * config.minutes if config.minutes is not None else math.inf
    buffer = SampleBuffer(out, name, config.shard)
    scene = 0
    with launch_simulator(seed=config.seed) as simulator:
        while len(buffer) < samples and time.monotonic() < deadline and _is_parent_alive():
            rng = np.random.default_rng((config.seed, worker, life, scene))
            count = min(config.scene_samples, samples - len(buffer))
            _collect_scene(("127.0.0.1", simulator.port), config, rng, buffer, count, deadline)
            scene += 1
    buffer.flush()


def _is_parent_alive() -> bool:
    """Whether the process that started this one still runs; a killed one cannot ask this one to end."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


def _collect_scene(
    server: tuple[str, int],
    config: CollectConfig,
    rng: np.random.Generator,
    buffer: SampleBuffer,
    count: int,
    deadline: float,
) -> None:
    seed = int(rng.integers(1, 2**31))
    session = SessionConfig(
        host=server[0],
        port=server[1],
        seed=seed,
        realtime=False,
        fresh_world=True,
        light_state_every=0,
        random_route_m=config.route_m,
        weather=str(rng.choice(config.weathers)),
        traffic=TrafficConfig(count=int(rng.choice(config.traffic))),
    )
    with set_stage(session, camera_specs(config.policy.cameras)) as stage:
        Scatter(stage, config, rng).collect(buffer, count, deadline)
