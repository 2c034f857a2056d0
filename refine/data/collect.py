"""Collecting in several processes what the small policy learns from: pictures of the towns with the expert's answers.

The samples come from scenes (a town, a weather, some traffic), one shard of samples each. Where the ego is put is
`refine.data.scatter`'s work; the drives on which a trained policy is corrected are `refine.data.dagger`'s.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.session.setup import set_stage
from cockpit.world.simulator import launch_simulator
from refine.data.collect_config import CollectConfig
from refine.data.processes import is_parent_alive, share_out
from refine.data.samples import SHARD_PATTERN, SampleBuffer
from refine.data.scatter import Scatter
from refine.driving import camera_specs

SLOW_S = 60.0
"""How long a picture may take: nobody waits for a collection's ticks, and the machine may be busy."""


@dataclass(frozen=True, slots=True)
class CollectProgress:
    """How far collecting is."""

    samples: int
    total: int
    seconds: float


def collect_expert(
    out: Path, config: CollectConfig | None = None, on_progress: Callable[[CollectProgress], None] | None = None
) -> None:
    """Scatter the ego over the embedded simulator's towns and write the samples of each scene into `out`.

    The processes share nothing; the same config gives the same samples, however many there are and however fast the
    machine is. Scenes that are there already are left as they are. Raises `RefineError` where a process dies again and
    again.
    """
    config = config or CollectConfig()
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def report() -> None:
        if on_progress is not None:
            done = config.scene_samples * sum(1 for _ in out.glob(SHARD_PATTERN))
            on_progress(CollectProgress(min(done, config.samples), config.samples, time.monotonic() - began))

    share_out(functools.partial(_collect_share, out, config), config.workers, report)
    report()


def _collect_share(out: Path, config: CollectConfig, worker: int, workers: int) -> None:
    """One process: its own simulator, every so many-th scene that is not there yet."""
    scenes = range(worker, config.scenes, workers)
    missing = [scene for scene in scenes if not list(out.glob(f"shard_{_name(config, scene)}_*.npz"))]
    if not missing:
        return
    with launch_simulator(seed=config.seed) as simulator:
        for scene in missing:
            if is_parent_alive():
                _collect_scene(out, config, scene, simulator.port)


def _name(config: CollectConfig, scene: int) -> str:
    return f"s{config.seed}n{scene:04d}"


def _collect_scene(out: Path, config: CollectConfig, scene: int, port: int) -> None:
    rng = np.random.default_rng((config.seed, scene))
    session = SessionConfig(
        port=port,
        seed=int(rng.integers(1, 2**31)),
        town=config.towns[scene % len(config.towns)],
        realtime=False,
        fresh_world=True,
        light_state_every=0,
        sensor_timeout_s=SLOW_S,
        random_route_m=config.route_m,
        weather=str(rng.choice(config.weathers)),
        traffic=TrafficConfig(count=int(rng.choice(config.traffic))),
    )
    count = min(config.scene_samples, config.samples - scene * config.scene_samples)
    buffer = SampleBuffer(out, _name(config, scene), count)
    with set_stage(session, camera_specs(config.policy.cameras)) as stage, Scatter(stage, config, rng) as scatter:
        scatter.collect(buffer, count)
    buffer.flush()
