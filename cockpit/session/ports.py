"""The interfaces that the session requires of its parts, as structural types.

`cockpit` may import nothing of `policy`, `recorder` (but the schema) or `app`; whoever builds a session passes objects
that fit these protocols. None of these calls may block the tick, `PolicyDriver.wait` apart, which is called in
lock-step and, in real time, for the first plan only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from recorder.schema import ActorState, Control, DriverInput, Plan, PolicyStatus, Pose, RouteCommand, RouteState, Tick


class PolicyDriver(Protocol):
    """A policy behind its process border."""

    def offer(self, tick: Tick) -> None:
        """Hand over the newest tick; an older one that was not taken up yet is dropped."""
        ...

    def newest_plan(self) -> Plan | None:
        """The newest plan received so far, or None before the first."""
        ...

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        """Block until a plan made from `frame` or a later one is here; None on time-out."""
        ...

    def control(
        self, plan: Plan, ego_at_plan: ActorState, ego: ActorState, time_s: float, route: RouteState
    ) -> Control:
        """Control that tracks `plan` from the ego's present state at simulation time `time_s`."""
        ...

    def status(self) -> PolicyStatus:
        """Whether the policy lives, and its last error message."""
        ...

    def close(self) -> None:
        """Stop the process; safe to call twice."""
        ...


@runtime_checkable
class SensesItself(Protocol):
    """A policy with sensors of its own on the ego: it is told of each drive, and must be asked at every tick."""

    def enter(self, host: str, port: int, ego_id: int, route: Sequence[tuple[Pose, RouteCommand]]) -> None:
        """A drive begins: attach sensors to the actor `ego_id` of the server, whose clock stands. May block.

        `route` is the whole route at 1 m steps. Raises when the policy cannot drive, with the reason.
        """
        ...

    def leave(self) -> None:
        """The drive is over: destroy the sensors; safe to call twice, and when the server is gone."""
        ...


class DriverSource(Protocol):
    """The source of the person's (or the expert's) inputs."""

    def read(self, tick: Tick | None) -> DriverInput:
        """Newest input state. `tick` is the last finished tick, which the expert uses and devices mostly ignore."""
        ...

    def close(self) -> None:
        """Close the device; safe to call twice."""
        ...


class CameraAim(Protocol):
    """Whoever moves the cameras: a tracked head."""

    def camera_poses(self) -> Mapping[str, Pose]:
        """Where each named camera is to be in the ego frame at the next tick; those not named stay."""
        ...


class TickConsumer(Protocol):
    """Screens, recorder, meters: they get every tick, and must never slow the loop."""

    def consume(self, tick: Tick) -> None:
        """Take the tick at once; queue or drop, never block. Must not raise."""
        ...

    def close(self) -> None:
        """Finish pending work; safe to call twice."""
        ...


@runtime_checkable
class ReportsTrouble(Protocol):
    """A consumer that goes on although something went wrong (the recorder on a full disk) and reports it."""

    @property
    def error(self) -> str | None:
        """What went wrong last, with what to do; None while all is well."""
        ...
