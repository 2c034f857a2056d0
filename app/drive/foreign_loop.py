"""A drive in somebody else's loop: a seat behind the egodriver contract, with our policy, our screens and a person.

To the session it is a world: the loop's `drive` calls are its ticks, and the control that the session decides is
answered as a plan. While the policy has the car its own plan goes back; whatever else is applied (a person's hands, a
blend, the safe stop) is rolled out as if it were held. So arbitration, recording and windows are those of every drive.
Only the loop owns the clock.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from carla_driver_interface.driver import BaseDriver, DriveContext, DriveResult, SessionState
from carla_driver_interface.geometry import Trajectory

from app.config import RunConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.route import StopLine
from cockpit.session.ports import PolicyDriver
from cockpit.world.errors import WorldError, WorldLost
from cockpit.world.world import WorldFrame
from policy.control.rollout import path_of_control
from policy.egodriver.frames import plan_in_rig
from policy.egodriver.lens import Lens, LensError, View
from policy.egodriver.observed import tick_of
from recorder.schema import ActorState, CameraFrame, Control, Plan, PolicyStatus, Pose, RouteState, SessionInfo, Tick

log = logging.getLogger(__name__)

LOOP_STEP_S = 0.1
"""AlpaSim's time between two calls; a loop's own is in its ticks."""
WAIT_SLICE_S = 0.2
ANSWER_TIMEOUT_S = 60.0
"""A loop waits so long for the session, which loads its policy at the first call."""
CLOSING_S = 3.0
"""A loop that was told to end may take so long."""
ROLL_HORIZON, ROLL_STEP_S = 12, 0.25
BEYOND_M = 80.0
"""A loop tells the route ahead and not its end, which is taken to lie so far beyond what was told."""


class LoopClosed(WorldError):  # noqa: N818 (it names what happened)
    """The loop ended its session: the drive is over."""


class SeatTakenError(RuntimeError):
    """A second session began while one is on."""


@dataclass
class _Call:
    """A `drive` call that waits for its answer."""

    context: DriveContext
    tick: Tick
    answer: queue.Queue[DriveResult] = field(default_factory=lambda: queue.Queue(1))


class ToldRoute:
    """The route as the loop tells it, anew in each call; stands in for `cockpit.route.route.Route`."""

    route_id = "told by the loop"
    stop_lines: tuple[StopLine, ...] = ()

    def __init__(self) -> None:
        self.points = np.zeros((0, 4))
        self.newest: RouteState | None = None
        self._at: tuple[float, float] | None = None

    def state(self, x: float, y: float, yaw: float, last_m: float | None) -> RouteState:  # noqa: ARG002 - as Route's
        """Where the ego is on what was told last; how far it has driven is added up."""
        if self.newest is None:
            raise WorldError("the loop told no route")
        moved = 0.0 if self._at is None else float(np.hypot(x - self._at[0], y - self._at[1]))
        self._at = (x, y)
        driven = (last_m or 0.0) + moved
        return replace(self.newest, driven_m=driven, length_m=driven + self.newest.length_m + BEYOND_M)

    def lines_crossed(self, begin_m: float, end_m: float) -> tuple[StopLine, ...]:  # noqa: ARG002 - as Route's
        """None: the loop tells no stop lines."""
        return ()


class WatchedPolicy:
    """A `PolicyDriver` that remembers which plan its last control tracks."""

    def __init__(self, policy: PolicyDriver) -> None:
        self._policy = policy
        self.newest: tuple[Control, Plan, ActorState] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def control(
        self, plan: Plan, ego_at_plan: ActorState, ego: ActorState, time_s: float, route: RouteState
    ) -> Control:
        """The policy's control, remembered with its plan."""
        control = self._policy.control(plan, ego_at_plan, ego, time_s, route)
        self.newest = control, plan, ego
        return control

    def offer(self, tick: Tick) -> None:
        """As the policy's."""
        self._policy.offer(tick)

    def newest_plan(self) -> Plan | None:
        """As the policy's."""
        return self._policy.newest_plan()

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        """As the policy's."""
        return self._policy.wait(frame, timeout_s)

    def status(self) -> PolicyStatus:
        """As the policy's."""
        return self._policy.status()

    def close(self) -> None:
        """As the policy's."""
        self._policy.close()


class ForeignLoop(BaseDriver):
    """The seat: a server's driver to the loop, a world to the session. One session of the contract, then it is over."""

    name = "takeover"
    map_name, opendrive = "foreign", ""
    is_lost = False

    def __init__(
        self,
        cameras: Iterable[CameraSpec],
        policy: WatchedPolicy | None,
        step_s: float,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """`step_s` is the time between two calls, until it is seen; `is_stopped` whether the drive was told to end."""
        self._is_stopped = is_stopped
        self.route = ToldRoute()
        self._specs = tuple(cameras)
        self._policy = policy
        self._step_s = step_s
        self._views: dict[str, tuple[View, float, Pose]] = {}
        self._calls: queue.Queue[_Call | None] = queue.Queue()
        self._call: _Call | None = None
        self._session = ""
        self._frames = 0
        self._last_s: float | None = None
        self._is_over = False
        self._left = threading.Event()

    # --- to the loop, in gRPC's threads ---------------------------------------------------------------------------

    def on_session_start(self, session: SessionState) -> None:
        """Take the seat. Raises SeatTakenError and LensError, which refuse the session."""
        if self._session or self._is_over:
            raise SeatTakenError("the seat is taken: one session at a time, and one in all")
        lenses, problems = {}, []
        for name, camera in session.cameras.items():
            try:
                lenses[name] = Lens.of(camera)
            except LensError as error:
                problems.append(str(error))
        if not lenses and problems:
            raise LensError(problems[0])
        self._views = {
            one.name: (View(one.width, one.height, one.fov_rad, one.pose, lenses), one.fov_rad, one.pose)
            for one in self._specs
        }
        self._session = session.uuid

    def on_session_close(self, session: SessionState) -> None:
        """The drive is over."""
        if session.uuid == self._session:
            self._is_over = True
            self._left.set()
            self._calls.put(None)

    def drive(self, ctx: DriveContext) -> DriveResult:
        """A tick of the session. Raises ObservedError where something is missing, WorldLost without an answer."""
        if self._is_over:
            return _farewell()
        self._frames += 1
        now_s = ctx.time_now_us / 1e6
        delta_s = self._step_s if self._last_s is None else max(now_s - self._last_s, 1e-3)
        self._last_s = now_s
        call = _Call(ctx, tick_of(ctx, self._views, self._frames, delta_s))
        self._calls.put(call)
        try:
            return call.answer.get(timeout=ANSWER_TIMEOUT_S)
        except queue.Empty:
            raise WorldLost("the session gave no answer: it has ended") from None

    # --- to the session, in its thread ----------------------------------------------------------------------------

    def apply(self, control: Control) -> None:
        """Answer the call at hand; the first control of a session, before any call, is nobody's."""
        call, self._call = self._call, None
        if call is None:
            return
        tracked = self._policy.newest if self._policy is not None else None
        now_us = call.context.time_now_us
        if tracked is not None and tracked[0] == control and tracked[1].frame == call.tick.frame:
            plan = plan_in_rig(tracked[1].trajectory_ego, now_us, tracked[1].step_s)
        else:
            path = path_of_control(control, call.tick.ego.speed_mps, ROLL_HORIZON, ROLL_STEP_S)
            plan = plan_in_rig(path, now_us, ROLL_STEP_S)
        scalars = {"throttle": control.throttle, "steer": control.steer, "brake": control.brake}
        call.answer.put(DriveResult(trajectory_in_rig=plan, debug_scalars=scalars))

    def advance(self) -> Tick:
        """The next call's tick. Raises LoopClosed when the loop ended its session."""
        while True:
            if self._is_stopped():
                raise LoopClosed("the drive was ended here")
            with contextlib.suppress(queue.Empty):
                call = self._calls.get(timeout=WAIT_SLICE_S)
                break
        if call is None:
            raise LoopClosed("the loop ended its session")
        self._call = call
        self.route.newest = call.tick.route
        return call.tick

    def read(self, tick: Tick) -> WorldFrame:
        """What the call told."""
        return WorldFrame(tick.frame, tick.time_s, tick.wall_time_s, tick.delta_s, tick.ego, (), (), {}, (), ())

    def pictures(self, frame: int) -> Mapping[str, CameraFrame]:  # noqa: ARG002 - as CarlaWorld's
        """The call's pictures, as our cameras show them."""
        return self._call.tick.cameras if self._call is not None else {}

    def is_on_road(self, x: float, y: float, z: float) -> bool:  # noqa: ARG002 - as CarlaWorld's
        """Unknown here: the loop tells no map."""
        return True

    def aim_cameras(self, poses: Mapping[str, Pose]) -> None:
        """A tracked head cannot turn the loop's cameras."""

    def show_hazard_lights(self, is_on: bool) -> None:
        """The contract has none."""

    def set_back(self, tick: Tick) -> None:  # noqa: ARG002 - as CarlaWorld's
        """Raises WorldError: only the loop could set the scene back."""
        raise WorldError("the scene belongs to the loop and cannot be set back")

    def forget_cameras(self, actor_ids: Iterable[int]) -> None:
        """There are none of ours in the loop."""

    def close(self) -> None:
        """The session is over here: a loop that still asks is told to end, and given a moment to end its own."""
        self._is_over = True
        left: list[_Call | None] = [self._call]
        self._call = None
        while not self._calls.empty():
            left.append(self._calls.get())
        for call in left:
            if call is not None:
                call.answer.put(_farewell())
        if self._session:
            self._left.wait(CLOSING_S)


def _farewell() -> DriveResult:
    return DriveResult(Trajectory.empty(), terminate_session=True)


def foreign_info(config: RunConfig) -> Callable[..., SessionInfo]:
    """What is constant in such a drive, for the recorder: there is neither a map nor a whole route."""
    started = datetime.now(UTC)

    def info(**described: Any) -> SessionInfo:
        return SessionInfo(
            session_id=f"{started:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}",
            started_at=started.isoformat(timespec="seconds"),
            map_name=ForeignLoop.map_name,
            opendrive=ForeignLoop.opendrive,
            fixed_delta_s=LOOP_STEP_S,
            seed=config.seed,
            route_id=ToldRoute.route_id,
            carla_version="",
            **described,
        )

    return info
