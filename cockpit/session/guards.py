"""Guards around the parts of a session: no failure of policy, device or consumer ends the drive, or leaves it alone.

Each guard calls its part, reports what goes wrong as a fault, and turns it into an answer that the arbitration can
handle: no plan, a device that is gone, a consumer that is left out. All of them may be foreign code, so
every exception is caught here, and nowhere else.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from cockpit.session.faults import FaultLog
from cockpit.session.ports import DriverSource, PolicyDriver, ReportsTrouble, TickConsumer
from recorder.schema import ActorState, Control, DriverInput, DriverKind, Plan, Tick

log = logging.getLogger(__name__)

FASTEST_MPS = 70.0
"""A plan that drives faster than this (250 km/h) is invalid."""
SLOW_CONSUMER_S = 0.25
"""A consumer that holds the loop for longer than this is reported: consumers take a tick at once."""

T = TypeVar("T")


class GuardedPolicy:
    """A policy that may fail in any way: then there is no plan, and it does not count as alive in that tick."""

    def __init__(self, policy: PolicyDriver, faults: FaultLog) -> None:
        self._policy = policy
        self._faults = faults
        self._has_failed = False
        """In this tick, so far."""

    def begin_tick(self) -> None:
        """What failed in the last tick may work again in this one."""
        self._has_failed = False

    def offer(self, tick: Tick) -> None:
        """Hand over the newest tick."""
        self._call(lambda: self._policy.offer(tick), None)

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        """Wait for the plan of a frame."""
        return self._call(lambda: self._policy.wait(frame, timeout_s), None)

    def message(self) -> str:
        """Its last error message."""
        status = self._call(self._policy.status, None)
        return status.message if status is not None else ""

    def newest_plan(self, newest_frame: int) -> Plan | None:
        """The newest valid plan; an invalid one counts as none, and as a failure of the policy."""
        plan = self._call(self._policy.newest_plan, None)
        if plan is None:
            return None
        defect = plan_defect(plan, newest_frame)
        if defect:
            self._fail(f"the policy answered rubbish: {defect}")
            return None
        return plan

    def control(self, plan: Plan, ego_at_plan: ActorState, last: Tick) -> Control | None:
        """What the plan alone would apply now; None when it cannot be driven."""
        return self._call(
            lambda: self._policy.control(plan, ego_at_plan, last.ego, last.time_s, last.route),
            None,
            "a plan that cannot be driven",
        )

    def is_alive(self) -> bool:
        """Whether it lives, and did not fail in this tick."""
        status = self._call(self._policy.status, None)
        if status is not None and not status.alive:
            self._faults.report(f"the policy failed: {status.message}")
        return status is not None and status.alive and not self._has_failed

    def _call(self, call: Callable[[], T], otherwise: T, what: str = "the policy failed") -> T:
        try:
            return call()
        except Exception as error:
            log.debug("the policy raised", exc_info=True)
            self._fail(f"{what}: {type(error).__name__}: {error}")
            return otherwise

    def _fail(self, text: str) -> None:
        self._has_failed = True
        self._faults.report(text)


def plan_defect(plan: Plan, newest_frame: int) -> str:
    """What makes a plan unfit to be driven, in words; empty for a sound one."""
    if plan.frame > newest_frame:
        return f"a plan for frame {plan.frame}, which has not been yet (the newest is {newest_frame})"
    path = np.asarray(plan.trajectory_ego)
    if path.ndim != 2 or path.shape[1] != 3 or (len(path) == 0 and not plan.is_control_only):
        return f"a trajectory of shape {path.shape} instead of (steps, 3)"
    if not np.isfinite(path).all():
        return "a trajectory with numbers that are none"
    if not (math.isfinite(plan.step_s) and plan.step_s > 0.0):
        return f"steps of {plan.step_s} s"
    if not (math.isfinite(plan.confidence) and math.isfinite(plan.entropy)):  # broken weights: every token is as good
        return f"a confidence of {plan.confidence} and an entropy of {plan.entropy}: the model computes no numbers"
    if len(path) == 0:
        return ""
    steps = np.diff(path[:, :2], axis=0, prepend=np.zeros((1, 2)))
    fastest = float(np.hypot(steps[:, 0], steps[:, 1]).max()) / plan.step_s
    return f"a trajectory at {fastest:.0f} m/s" if fastest > FASTEST_MPS else ""


class GuardedDriver:
    """A driver's device that may fail in any way: then it counts as gone."""

    def __init__(self, driver: DriverSource, faults: FaultLog) -> None:
        self._driver = driver
        self._faults = faults
        self._kind = DriverKind.HUMAN

    def read(self, tick: Tick) -> DriverInput:
        """The driver's input now; not connected when it cannot be read."""
        try:
            read = self._driver.read(tick)
        except Exception as error:
            log.debug("the driver's device raised", exc_info=True)
            note = f"the driver's device failed: {type(error).__name__}: {error}"
            self._faults.report(note)
            return DriverInput(kind=self._kind, connected=False, note=note)
        self._kind = read.kind
        if not read.connected:
            self._faults.report(f"nobody can take over: {read.note or 'the device is gone'}")
        return read


class GuardedConsumers:
    """The consumers of ticks; one that fails is left out and reported, one that is slow or in trouble is reported."""

    def __init__(self, consumers: Sequence[TickConsumer], faults: FaultLog) -> None:
        self._all = list(consumers)
        self._active = list(consumers)
        self._faults = faults

    def give(self, tick: Tick) -> None:
        """Hand the tick to each of them."""
        for consumer in list(self._active):
            begun = time.perf_counter()
            name = type(consumer).__name__
            try:
                consumer.consume(tick)
                trouble = consumer.error if isinstance(consumer, ReportsTrouble) else None
            except Exception as error:
                log.exception("%s is left out from now on", name)
                self._active.remove(consumer)
                self._faults.report(f"{name} failed: {error or type(error).__name__}")
                continue
            if time.perf_counter() - begun > SLOW_CONSUMER_S:
                self._faults.report(f"{name} holds the drive up: it must take a tick at once")
            if trouble:
                self._faults.report(trouble)

    def close(self) -> None:
        """Close them all, the broken ones too."""
        for consumer in self._all:
            try:
                consumer.close()
            except Exception:  # one consumer's trouble must not keep the others from saving their work
                log.exception("%s could not be closed", type(consumer).__name__)
