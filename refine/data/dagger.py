"""Samples from the policy's own drives (DAgger, arXiv 1011.0686), labelled by the expert every few ticks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cockpit.config import SessionConfig
from cockpit.route.files import RouteSpec
from cockpit.route.route import Route
from cockpit.session.headless import run_headless_route
from policy.expert.expert import Expert
from policy.expert.safety_driver import SafetyDriver
from policy.serving.process import PolicyProcess
from policy.vla.checkpoint import read_settings
from policy.vla.observation import observation_at
from recorder.schema import Tick
from refine.data.collect_config import MARGIN_M
from refine.data.samples import SampleBuffer
from refine.driving import camera_specs


def collect_dagger(
    out: Path,
    folder: Path,
    routes: Sequence[RouteSpec | Route | None],
    session: SessionConfig,
    every: int = 5,
    seed: int = 0,
    on_tick: Callable[[Tick], None] | None = None,
) -> int:
    """Let the policy in `folder` drive `routes` on the server of `session` and keep the expert's answers.

    Every `every`-th tick is kept; the safety driver takes over where the policy fails, and its seconds are kept too.
    None as a route drives a random one from the session's seed plus its place in the list. Returns how many samples.
    """
    settings = read_settings(folder)
    expert = Expert()
    buffer = SampleBuffer(out, f"d{seed}")
    with PolicyProcess(folder) as policy:
        policy.wait_ready()
        for number, route in enumerate(routes):
            group = (seed * 1000 + number) * 7919 + 1

            def keep(tick: Tick, group: int = group) -> None:
                if on_tick is not None:
                    on_tick(tick)
                if tick.frame % every or tick.route.length_m - tick.route.driven_m < MARGIN_M:
                    return
                stretch = group + int(tick.route.driven_m // 100.0)
                label = expert.plan_trajectory(tick, settings.horizon, settings.step_s)
                buffer.add(tick, observation_at([tick], settings), label, stretch)

            config = session.model_copy(update={"seed": session.seed + number})
            cameras = camera_specs(settings.cameras)
            run_headless_route(config, route, policy, SafetyDriver(), cameras=cameras, on_tick=keep)
    buffer.flush()
    return buffer.written
