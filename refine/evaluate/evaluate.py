"""Closed-loop evaluation: every policy drives every route with every seed, and what comes of it is scored.

Supervised, the expert sits in the driver's seat, takes over and hands back, and its takeovers can be recorded;
unsupervised, nobody does. Sessions are in lock-step, so the same call gives the same scores on any machine. The round
and `takeover evaluate` both use this.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cockpit.config import SessionConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.files import RouteSpec
from cockpit.session.headless import run_headless_route
from cockpit.session.ports import TickConsumer
from cockpit.session.progress import EndReason
from cockpit.session.setup import Stage
from policy.agents.source import AgentSource
from policy.egodriver.address import EgodriverAddress
from policy.egodriver.driver import Egodriver
from policy.expert.safety_driver import SafetyDriver
from policy.serving.process import PolicyWorker
from policy.vla.checkpoint import PolicySettings, check_folder
from recorder.layout.takeovers import is_takeover
from recorder.schema import Authority, DriverKind, EventKind, Tick
from recorder.writing.writer import SegmentRecorder
from refine.driving import Policy, camera_specs, policy_cameras, policy_sha256, server, start_policy
from refine.errors import RefineError
from refine.evaluate.metrics import DriveMeter, score
from refine.evaluate.results import MAP_FILE, Evaluation, PolicyRef, Run, TakeoverPlace, write_evaluation

log = logging.getLogger(__name__)

EXPERT = "expert"
"""In place of a policy's folder: the expert drives alone, as the bar that policies are measured by."""
SESSIONS = "sessions"
TRACK_STEP_S = 0.25
ROUTE_STEP_M = 2
PROGRESS_TICKS = 20
_PACKAGES = ("takeover", "carla", "torch", "transformers", "trl", "peft")


@dataclass(frozen=True)
class EvaluationProgress:
    """How far an evaluation is."""

    run: int
    """From 0."""
    runs: int
    policy: str
    route_id: str
    seed: int
    share: float
    """Of this run's route, 0..1."""
    takeovers: int
    """In this run so far."""


@dataclass(frozen=True)
class _Job:
    policy: PolicyRef
    group: str
    route: RouteSpec
    seed: int

    @property
    def folder_name(self) -> str:
        return f"{self.policy.name}-{self.group}-{self.route.route_id}-seed{self.seed}"


def evaluate(
    policies: Mapping[str, Policy],
    routes: Mapping[str, Sequence[RouteSpec]] | Sequence[RouteSpec],
    seeds: Sequence[int],
    out_folder: Path | str,
    *,
    supervised: bool = False,
    config: SessionConfig | None = None,
    simulator: tuple[str, int] | None = None,
    record: bool = False,
    on_progress: Callable[[EvaluationProgress], None] | None = None,
    command: str = "",
) -> Evaluation:
    """Drive every policy over every route and write scores to `out_folder`/evaluation.json, after each run anew.

    `policies` maps names to checkpoint folders, leaderboard agents, egodriver servers or `EXPERT`; `routes` names of
    sets to their routes.
    `simulator` is host and port of a running server; None starts the embedded one. With `record`, supervised runs leave
    their takeovers as sessions in `out_folder`/sessions.

    Raises:
        RefineError: nothing to drive, the folder is in use, or a policy died.
        CheckpointError, PolicyProcessError (AgentError too), SimulatorError, WorldError, ConfigError: from the parts.

    """
    out = Path(out_folder)
    sets = routes if isinstance(routes, Mapping) else {"routes": routes}
    jobs_of = {name: [(group, route) for group, some in sets.items() for route in some] for name in policies}
    if not policies or not seeds or not any(sets.values()):
        raise RefineError("an evaluation needs at least one policy, one route and one seed")
    if out.exists() and any(out.iterdir()):
        raise RefineError(f"{out} is in use: evaluate into a new folder")
    refs = {name: _ref(name, folder) for name, folder in policies.items()}
    out.mkdir(parents=True, exist_ok=True)
    config = _headless(config or SessionConfig(), supervised)
    driving = _Driving(out, config, supervised, record, len(refs) * len(seeds) * len(jobs_of[next(iter(policies))]))
    driving.on_progress = on_progress
    evaluation = Evaluation(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        supervised=supervised,
        town=next(route.town for some in sets.values() for route in some),
        traffic=config.traffic.count,
        seeds=list(seeds),
        policies=list(refs.values()),
        runs=driving.runs,
        versions=_versions(),
        command=command,
    )
    with server(simulator, rendering=any(str(folder) != EXPERT for folder in policies.values()) or record) as place:
        driving.config = config.model_copy(update={"host": place[0], "port": place[1]})
        for name, folder in policies.items():
            jobs = [_Job(refs[name], group, route, seed) for seed in seeds for group, route in jobs_of[name]]
            for _ in driving.drive(folder, jobs):
                write_evaluation(evaluation, out)
    return evaluation


@dataclass
class _Driving:
    """The evaluation's runs, one after the other."""

    out: Path
    config: SessionConfig
    supervised: bool
    record: bool
    expected: int
    on_progress: Callable[[EvaluationProgress], None] | None = None
    runs: list[Run] = field(default_factory=list)

    def drive(self, folder: Policy, jobs: Sequence[_Job]) -> Iterator[Run]:
        """Drive one policy over its routes; its process serves them all."""
        if str(folder) == EXPERT:
            for job in jobs:
                yield self._run(job, None, camera_specs(PolicySettings().cameras) if self.record else [])
            return
        cameras = policy_cameras(folder) if self.record or not isinstance(folder, AgentSource) else []
        with start_policy(folder) as policy:
            policy.wait_ready()
            for job in jobs:
                yield self._run(job, policy, cameras)
                status = policy.status()
                if not status.alive:
                    raise RefineError(
                        f"policy '{job.policy.name}' died on route {job.route.route_id}: {status.message}"
                    )

    def _run(self, job: _Job, policy: PolicyWorker | Egodriver | None, cameras: Sequence[CameraSpec]) -> Run:
        meter, track = DriveMeter(), _Track()
        driver = SafetyDriver() if self.supervised or policy is None else None
        session = f"{SESSIONS}/{job.folder_name}" if self.record and policy is not None and self.supervised else ""
        lines: list[tuple[float, float]] = []
        recorders: list[SegmentRecorder] = []

        def consumers(stage: Stage) -> list[TickConsumer]:
            lines[:] = [(float(x), float(y)) for x, y in stage.route.points[::ROUTE_STEP_M, :2]]
            self._keep_map(stage)
            if session:
                recorders.append(self._recorder(self.out / session, stage, job))
            return [meter, track, *recorders]

        def on_tick(tick: Tick) -> None:
            if self.on_progress is not None and tick.frame % PROGRESS_TICKS == 0:
                self.on_progress(self._progress(job, tick, len(track.takeovers)))

        begun = time.monotonic()
        config = self.config.model_copy(update={"seed": job.seed})
        result = run_headless_route(config, job.route, policy, driver, consumers, cameras, on_tick)
        if recorders and recorders[0].error:
            raise RefineError(recorders[0].error)
        sums = meter.sums()
        run = Run(
            policy=job.policy.name,
            group=job.group,
            route_id=job.route.route_id,
            seed=job.seed,
            end=result.end.value,
            sums=sums,
            score=score(sums, is_done=result.end is EndReason.ROUTE_DONE),
            track=track.points,
            route_line=lines,
            takeovers=track.takeovers,
            wall_s=round(time.monotonic() - begun, 2),
            session=session,
            faults=[one.event.text for one in result.events if one.event.kind is EventKind.FAULT],
            scenarios=list(result.scenarios),
        )
        self.runs.append(run)
        return run

    def _recorder(self, folder: Path, stage: Stage, job: _Job) -> SegmentRecorder:
        info = stage.info(DriverKind.EXPERT, "expert", job.policy.name, job.policy.sha256)
        config = stage.config
        # Whole sessions: pairs need the policy's ordinary driving too, lest it learns to brake everywhere.
        return SegmentRecorder(folder, info, config.pre_s, config.post_s, whole_session=True, wait_when_full=True)

    def _keep_map(self, stage: Stage) -> None:
        path = self.out / MAP_FILE
        if not path.exists():
            path.write_text(stage.world.opendrive, encoding="utf-8", newline="")

    def _progress(self, job: _Job, tick: Tick, takeovers: int) -> EvaluationProgress:
        share = min(tick.route.driven_m / max(tick.route.length_m, 1.0), 1.0)
        name, done = job.policy.name, len(self.runs)
        return EvaluationProgress(done, self.expected, name, job.route.route_id, job.seed, share, takeovers)


class _Track:
    """Where the ego was, and where the policy lost the car; a `TickConsumer`."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float, bool]] = []
        self.takeovers: list[TakeoverPlace] = []
        self._begun_s: float | None = None
        self._last: Tick | None = None
        self._next_s = 0.0

    def consume(self, tick: Tick) -> None:
        """Take a tick."""
        begun_s = self._begun_s = tick.time_s if self._begun_s is None else self._begun_s
        pose, elapsed_s = tick.ego.pose, tick.time_s - begun_s
        if elapsed_s >= self._next_s:
            self._next_s = elapsed_s + TRACK_STEP_S - 1e-6
            by_policy = tick.authority.authority is Authority.POLICY
            self.points.append((round(pose.x, 2), round(pose.y, 2), by_policy))
        if self._last is not None and is_takeover(self._last.authority.authority, tick.authority.authority):
            note = tick.driver.note or tick.authority.reason.value.replace("_", " ")
            self.takeovers.append(TakeoverPlace(round(elapsed_s, 2), pose.x, pose.y, note))
        self._last = tick

    def close(self) -> None:
        """Nothing to finish."""


def _headless(config: SessionConfig, supervised: bool) -> SessionConfig:
    if supervised:
        return config
    # Nobody is there to answer a request: the drive goes on off the route, and ends where the leaderboard ends it.
    arbitration = config.arbitration.model_copy(update={"request_on_route_left": False})
    return config.model_copy(update={"arbitration": arbitration, "safe_stop_end_s": config.safe_stop_end_s or 3.0})


def _ref(name: str, folder: Policy) -> PolicyRef:
    if str(folder) == EXPERT:
        return PolicyRef(name, EXPERT, "")
    if not isinstance(folder, AgentSource | EgodriverAddress):
        check_folder(folder)
    return PolicyRef(name, str(folder), policy_sha256(folder))


def _versions() -> dict[str, str]:
    """What the result depends on besides policies, routes and seeds."""
    versions = {"python": platform.python_version(), "machine": f"{platform.machine()}, {os.cpu_count()} processors"}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
