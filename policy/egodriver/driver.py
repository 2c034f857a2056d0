"""An egodriver server as a policy of the session: the newest tick goes out, its plan comes back, the tick never waits.

Fits `cockpit.session.ports.PolicyDriver`. A thread of this process speaks with the server; while one tick is in work,
newer ones replace each other, but the ego's pose of every offered tick reaches the server. A drive is a session of the
contract.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import Any, Self

from policy.control.tracking import control_from_plan
from policy.egodriver.address import EgodriverAddress, EgodriverError
from recorder.schema import ActorState, Control, Plan, PolicyStatus, RouteState, Tick

RATE_WINDOW_S = 2.0
MOST_MOVES = 400


class Egodriver:
    """A policy server at `address`; the thread starts at once, `wait_ready` waits for the server's first answer."""

    def __init__(self, address: EgodriverAddress, timeout_s: float = 20.0) -> None:
        """Raises EgodriverError where the contract's library is not installed.

        An answer that takes longer than `timeout_s` is a failure.
        """
        try:
            import grpc
            from carla_driver_interface.contract import ContractError

            from policy.egodriver.session import Wire
        except ImportError as error:
            raise EgodriverError(
                f"{address} needs the library carla-driver-interface ({error}); pip install 'takeover[egodriver]'"
            ) from error
        self._failures: tuple[type[Exception], ...] = (grpc.RpcError, ContractError, EgodriverError)
        self.address = address
        self._wire = Wire(address.name, timeout_s)
        self._changed = threading.Condition()
        self._waiting: Tick | None = None
        self._moves: deque[tuple[float, ActorState]] = deque(maxlen=MOST_MOVES)
        self._last_time_s, self._ego_id = 0.0, -1
        self._is_new_drive = True
        self._plan: Plan | None = None
        self._answered_frame = -1
        self._plan_times: deque[float] = deque(maxlen=256)
        self._trouble = ""
        self._is_closing = False
        self._thread = threading.Thread(target=self._serve, name="egodriver", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_ready(self, timeout_s: float | None = None) -> None:  # noqa: ARG002 - as other policies; the wire has its own
        """Ask the server for its version; raises EgodriverError when it does not answer."""
        try:
            self._wire.version()
        except self._failures as error:
            raise EgodriverError(f"no egodriver server answers at {self.address}: {_reason(error)}") from error

    def offer(self, tick: Tick) -> None:
        """Offer the newest tick; one that was not sent yet is dropped, its ego's pose is not. Never blocks."""
        with self._changed:
            if tick.ego.actor_id != self._ego_id or tick.time_s <= self._last_time_s:  # another drive
                self._is_new_drive, self._plan, self._answered_frame = True, None, -1
                self._moves.clear()
            self._ego_id, self._last_time_s = tick.ego.actor_id, tick.time_s
            self._moves.append((tick.time_s, tick.ego))
            self._waiting = tick
            self._changed.notify_all()

    def newest_plan(self) -> Plan | None:
        """The newest plan received so far, or None before the first."""
        return self._plan

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        """Block until the server answered `frame` or a later one; None when that failed or is not here in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or self._answered_frame >= frame, timeout_s)
            return self._plan if self._plan is not None and self._plan.frame >= frame else None

    def control(
        self,
        plan: Plan,
        ego_at_plan: ActorState,
        ego: ActorState,
        time_s: float,
        route: RouteState,  # noqa: ARG002 - part of the interface: other policies steer by it
    ) -> Control:
        """Control that tracks `plan`, made at `ego_at_plan`, from the ego's present state at time `time_s`."""
        return control_from_plan(plan, ego_at_plan, ego, time_s)

    def status(self) -> PolicyStatus:
        """Whether the server's last answer was a plan, and its error otherwise."""
        newest = time.monotonic() - RATE_WINDOW_S
        with self._changed:
            trouble = "the policy is closed" if self._is_closing else self._trouble
            rate = sum(1 for moment in self._plan_times if moment > newest) / RATE_WINDOW_S
            return PolicyStatus(alive=not trouble, message=trouble, plans_per_s=rate)

    def close(self) -> None:
        """End the session and close the channel; safe to call twice."""
        with self._changed:
            if self._is_closing:
                return
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        with contextlib.suppress(*self._failures):
            self._wire.end()
        self._wire.close()

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            tick, moves, is_new = job
            begun = time.perf_counter()
            try:
                plan = self._planned(tick, moves, is_new, begun)
            except self._failures as error:
                self._wire.forget()
                self._answer(tick, None, f"frame {tick.frame}: {self.address}: {_reason(error)}")
            except Exception as error:  # noqa: BLE001 - a server may send anything: that is its fault, not the session's
                self._wire.forget()
                self._answer(tick, None, f"frame {tick.frame}: {self.address}: {type(error).__name__}: {error}")
            else:
                self._answer(tick, plan, "")

    def _next(self) -> tuple[Tick, list[tuple[float, ActorState]], bool] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing or self._waiting is not None)
            if self._is_closing or self._waiting is None:
                return None
            tick, self._waiting = self._waiting, None
            moves = list(self._moves)
            self._moves.clear()
            is_new, self._is_new_drive = self._is_new_drive, False
            return tick, moves, is_new

    def _planned(self, tick: Tick, moves: list[tuple[float, ActorState]], is_new: bool, begun: float) -> Plan:
        from policy.egodriver.frames import trajectory_in_ego
        from policy.egodriver.session import PLAN_STEP_S, cameras_of, microseconds

        if is_new:
            self._wire.end()
        if not self._wire.is_open:
            self._wire.start(cameras_of(tick))
        path, is_over = self._wire.drive(tick, moves)
        if is_over:
            raise EgodriverError("the policy ended the session")
        return Plan(
            frame=tick.frame,
            time_s=tick.time_s,
            direction=None,
            speed=None,
            tokens=(),
            trajectory_ego=trajectory_in_ego(path, microseconds(tick.time_s), tick.ego.pose, PLAN_STEP_S),
            text="",
            latency_s=time.perf_counter() - begun,
            step_s=PLAN_STEP_S,
        )

    def _answer(self, tick: Tick, plan: Plan | None, trouble: str) -> None:
        with self._changed:
            if self._is_new_drive:  # the answer belongs to the drive before
                return
            self._trouble, self._answered_frame = trouble, tick.frame
            if plan is not None:
                self._plan = plan
                self._plan_times.append(time.monotonic())
            self._changed.notify_all()


def _reason(error: Any) -> str:
    """A failed call in one line."""
    if hasattr(error, "code") and hasattr(error, "details"):
        return f"{error.code().name}: {error.details()}"
    return str(error)
