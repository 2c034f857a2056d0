"""One of our policies as a server of the egodriver contract: what a loop submits is observed, a plan goes back.

Run by ``takeover policy serve``. Every session of the contract has its own past; questions are answered one by one.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import torch
from carla_driver_interface.driver import BaseDriver, DriveContext, DriveResult, SessionState

from policy.egodriver.frames import plan_in_rig
from policy.egodriver.lens import Lens, LensError, View
from policy.egodriver.observed import tick_of
from policy.vla.dialects.dialect import Held, Situation
from policy.vla.model import Vla
from policy.vla.observation import observation_at
from policy.vla.quick import Question
from recorder.schema import Pose, Tick

SPARE_S = 1.0
SAMPLING_TEMPERATURE = 1.0


@dataclass
class _Drive:
    """A session of the contract."""

    views: dict[str, tuple[View, float, Pose]]
    generator: torch.Generator
    past: deque[Tick] = field(default_factory=deque)
    held: Held | None = None
    frames: int = 0


class ServedPolicy(BaseDriver):
    """A loaded policy behind the contract."""

    def __init__(self, vla: Vla, samples: int = 0) -> None:
        """`samples` further plans are drawn for each question and told as candidates."""
        self.name = vla.settings.name
        self._vla, self._samples = vla, samples
        self._drives: dict[str, _Drive] = {}
        self._lock = threading.Lock()

    def on_session_start(self, session: SessionState) -> None:
        """Look whether the declared cameras can be used; raises LensError, which refuses the session."""
        lenses = {}
        problems = []
        for name, camera in session.cameras.items():
            try:
                lenses[name] = Lens.of(camera)
            except LensError as error:
                problems.append(str(error))
        if not lenses and problems:
            raise LensError(problems[0])
        views = {
            name: (View(one.width, one.height, one.fov_rad, one.pose_in_ego, lenses), one.fov_rad, one.pose_in_ego)
            for name, one in self._vla.settings.cameras.items()
        }
        self._drives[session.uuid] = _Drive(views, torch.Generator().manual_seed(session.seed))

    def on_session_close(self, session: SessionState) -> None:
        """Forget its past."""
        self._drives.pop(session.uuid, None)

    def drive(self, ctx: DriveContext) -> DriveResult:
        """The policy's plan. Raises ObservedError, which the loop is told, where something was not submitted."""
        drive = self._drives[ctx.session.uuid]
        drive.frames += 1
        last_s = drive.past[-1].time_s if drive.past else ctx.time_now_us / 1e6 - 0.1
        tick = tick_of(ctx, drive.views, drive.frames, max(ctx.time_now_us / 1e6 - last_s, 0.0))
        if drive.past and not 0.0 < tick.time_s - last_s < SPARE_S:
            drive.past.clear()  # the loop's clock was set back or has jumped
            drive.held = None
        drive.past.append(tick)
        while drive.past[0].time_s < tick.time_s - self._vla.settings.history.span_s - SPARE_S:
            drive.past.popleft()
        return self._planned(drive, ctx.time_now_us)

    def _planned(self, drive: _Drive, now_us: int) -> DriveResult:
        vla, step_s = self._vla, self._vla.settings.step_s
        observation = observation_at(drive.past, vla.settings)
        situation = Situation.of(observation)
        question = Question(observation.images, vla.dialect.prompt(observation))
        with self._lock:
            if drive.held is not None and drive.held.holds_in(situation, vla.dialect.period_s):
                answer = vla.held(drive.held)
            else:
                (answer,) = vla.answers([question])
                drive.held = Held(answer.text, answer.confidence, answer.entropy, situation)
            others = vla.answers([question] * self._samples, SAMPLING_TEMPERATURE, drive.generator)
        path = vla.path(answer, situation, drive.held.situation)
        return DriveResult(
            trajectory_in_rig=plan_in_rig(path, now_us, step_s),
            sampled_trajectories_in_rig=[plan_in_rig(vla.path(one, situation), now_us, step_s) for one in others],
            debug_scalars={"confidence": answer.confidence, "entropy": answer.entropy},
        )
