"""The session: the one loop that owns the clock. One step is one tick of docs/architecture.md, from input to record.

It wires together what it is given (a world, a route, a policy, a driver, consumers) and knows how none of them work.
Who drives is decided in `cockpit.authority.arbitration`, when it is over in `cockpit.session.progress`. In real time it
holds the wall clock's pace; in lock-step it waits for the plan of every decision tick, so that results do not hang on
the machine.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cockpit.authority.arbitration import ArbiterInputs, Decision, arbitrate, initial_state
from cockpit.authority.lane_keeping import lane_steer
from cockpit.authority.state import has_hands
from cockpit.authority.time_to_collision import time_to_collision
from cockpit.config import SessionConfig
from cockpit.route.route import Route
from cockpit.scenarios.director import Director
from cockpit.session.faults import FaultLog
from cockpit.session.guards import GuardedConsumers, GuardedDriver, GuardedPolicy
from cockpit.session.ports import CameraAim, DriverSource, PolicyDriver, TickConsumer
from cockpit.session.progress import EndReason, Progress, SessionResult
from cockpit.session.second_chance import Rewinder
from cockpit.world.world import CarlaWorld, WorldFrame
from recorder.schema import (
    ActorState,
    Authority,
    CameraFrame,
    Control,
    DriverInput,
    EventKind,
    LightColour,
    Plan,
    RouteState,
    Tick,
    TickEvent,
)

log = logging.getLogger(__name__)

REMEMBERED_S = 10.0
"""How long the ego's past is kept, to know where a plan was made from."""
CATCH_UP_S = 0.25
"""Later than this the pace is counted anew: a hang is not made good by a burst of ticks."""
WAIT_SLICE_S = 0.2
"""How often a wait for the first plan looks whether it should stop."""


@dataclass(slots=True)
class TickTimes:
    """Wall time of the parts of the last tick, seconds."""

    driver: float = 0.0
    policy: float = 0.0
    """Taking the plan (in lock-step: waiting for it) and tracking it."""
    arbitration: float = 0.0
    world: float = 0.0
    """The server's step, from the call to the snapshot."""
    reading: float = 0.0
    """Snapshot to states, route and time to collision."""
    pictures: float = 0.0
    """Waiting for what is left of the cameras' frames, and their colours."""
    offer: float = 0.0
    consumers: float = 0.0
    spare: float = 0.0
    """Slept to hold the pace; negative when the tick came late."""


class Session:
    """A session on a stage that is set. Not for several threads, `ask_stop`, `request_takeover`, `mark`, `pause` and
    `resume` apart.

    `close` closes the consumers. World, policy and driver belong to who made them, and may serve the next session.
    """

    def __init__(
        self,
        config: SessionConfig,
        world: CarlaWorld,
        route: Route,
        policy: PolicyDriver | None,
        driver: DriverSource | None,
        consumers: Sequence[TickConsumer] = (),
        scenarios: Director | None = None,
        aim: CameraAim | None = None,
    ) -> None:
        self.config = config
        self.aim = aim
        self.world = world
        self.route = route
        self.scenarios = scenarios
        self._faults = FaultLog()
        self._policy = GuardedPolicy(policy, self._faults) if policy is not None else None
        self._driver = GuardedDriver(driver, self._faults) if driver is not None else None
        self._consumers = GuardedConsumers(consumers, self._faults)
        self.progress = Progress(config)
        self.times = TickTimes()
        self.last_tick: Tick | None = None
        self._state = initial_state(Authority.POLICY if policy is not None else Authority.HUMAN, 0, 0.0)
        self._egos: OrderedDict[int, ActorState] = OrderedDict()
        self._offered_frame: int | None = None
        self._next_at_s: float | None = None
        self._stop_asked = threading.Event()
        self._takeover_wanted = threading.Event()
        self._rewind_wanted = threading.Event()
        self._rewinder = Rewinder(config.rewind, config.fixed_delta_s)
        self._marks: list[str] = []
        self._may_run = threading.Event()
        self._may_run.set()
        self._scenes: tuple[TickEvent, ...] = ()
        self._events: list[TickEvent] = []
        self._closed = False

    # --- from other threads -------------------------------------------------------------------------------------

    def ask_stop(self) -> None:
        """End the session after the present tick."""
        self._stop_asked.set()

    def request_takeover(self) -> None:
        """Ask the driver to take over (the experimenter's button)."""
        self._takeover_wanted.set()

    def request_rewind(self) -> None:
        """Set the scene back some seconds and let the driver drive it from there (the second chance)."""
        self._rewind_wanted.set()

    def mark(self, text: str) -> None:
        """Put a mark with a text into the next tick."""
        self._marks.append(text)

    def pause(self) -> None:
        """Stand still after the present tick: the world's time does not pass until `resume` (or `ask_stop`)."""
        self._may_run.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        self._may_run.set()

    @property
    def is_paused(self) -> bool:
        """Whether the session stands still, or will after the present tick."""
        return not self._may_run.is_set()

    # --- running ------------------------------------------------------------------------------------------------

    def run(self, until: Callable[[Tick], bool] | None = None) -> SessionResult:
        """Step until the session is over (or `until` says so), then close the consumers.

        Raises:
            WorldLost: the server died. The consumers are closed first, so that what was recorded is kept.

        """
        try:
            while True:
                tick = self.step()
                end = self.end_reason()
                if end is None and until is not None and until(tick):
                    end = EndReason.STOP_ASKED
                if end is not None:
                    return self.result(end)
                self._stand_while_paused()
        finally:
            self.close()

    def end_reason(self) -> EndReason | None:
        """Why the session is over after the last tick; None while it goes on."""
        return EndReason.STOP_ASKED if self._stop_asked.is_set() else self.progress.end()

    def result(self, end: EndReason) -> SessionResult:
        """What came of the session so far."""
        result = self.progress.result(self.route.route_id, end)
        return replace(result, scenarios=self.scenarios.outcomes(end.value)) if self.scenarios else result

    def close(self) -> None:
        """Close the consumers; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._consumers.close()

    def step(self) -> Tick:
        """One tick. The first only looks at the world, and lets the policy make its first plan.

        Raises:
            WorldLost: the server does not answer any more.
            WorldError: a camera fell silent, or another client moved the clock.

        """
        tick = self._first_tick() if self.last_tick is None else self._next_tick(self.last_tick)
        self.last_tick = tick
        self._remember(tick)
        self.progress.add(tick)
        if self.scenarios is not None:
            self._scenes = self.scenarios.step(tick)
        self._rewinder.add(tick)
        begun = time.perf_counter()
        self._offer(tick)
        offered = time.perf_counter()
        self._consumers.give(tick)
        given = time.perf_counter()
        self.times.offer, self.times.consumers = offered - begun, given - offered
        if self.progress.ticks == 1:
            self._await_first_plan(tick)
        self._pace()
        return tick

    def _first_tick(self) -> Tick:
        """The world as it is found, the ego held by its brake."""
        standing = Control(brake=1.0)
        self.world.apply(standing)
        frame, route, ttc_s, cameras = self._observe(None)
        self._state = replace(self._state, since_frame=frame.frame, since_time_s=frame.time_s)
        decision = Decision(self._state, standing)
        return self._built(frame, route, ttc_s, cameras, DriverInput(), None, None, decision, None)

    def _next_tick(self, last: Tick) -> Tick:
        begun = time.perf_counter()
        driver = self._driver.read(last) if self._driver is not None else DriverInput()
        read = time.perf_counter()
        back = self._rewound(last, driver)
        last, is_rewound = back or last, back is not None
        plan, policy_control = self._planned(last)
        planned = time.perf_counter()
        inputs = self._inputs(last, driver, plan, policy_control, is_rewound)
        decision = arbitrate(self._state, inputs, self.config.arbitration)
        self._signal(self._state.authority, decision.state.authority)
        self._state = decision.state
        if self.scenarios is not None:
            decision = replace(decision, control=self.scenarios.disturbed(decision.control))
        decided = time.perf_counter()
        self.times.driver, self.times.policy = read - begun, planned - read
        self.times.arbitration = decided - planned
        self.world.apply(decision.control)
        if self.aim is not None:
            self.world.aim_cameras(self.aim.camera_poses())
        frame, route, ttc_s, cameras = self._observe(last.route.driven_m)
        return self._built(frame, route, ttc_s, cameras, driver, plan, policy_control, decision, last)

    def _observe(self, last_m: float | None) -> tuple[WorldFrame, RouteState, float, dict[str, CameraFrame]]:
        """Step the world and read it. States are read while the server draws; the pictures are waited for last."""
        begun = time.perf_counter()
        snapshot = self.world.advance()
        advanced = time.perf_counter()
        frame = self.world.read(snapshot)
        pose = frame.ego.pose
        route = self.route.state(pose.x, pose.y, pose.yaw, last_m)
        route = replace(route, is_off_road=not self.world.is_on_road(pose.x, pose.y, pose.z))
        ttc_s = time_to_collision(frame.ego, frame.actors, route.ahead_world)
        looked = time.perf_counter()
        cameras = self.world.pictures(frame.frame)
        self.times.world, self.times.reading = advanced - begun, looked - advanced
        self.times.pictures = time.perf_counter() - looked
        return frame, route, ttc_s, cameras

    # --- deciding -----------------------------------------------------------------------------------------------

    def _planned(self, last: Tick) -> tuple[Plan | None, Control | None]:
        """The newest plan, and what it alone would do now."""
        if self._policy is None:
            return None, None
        self._policy.begin_tick()
        lockstep = self.config.lockstep
        if lockstep is not None and self._offered_frame is not None:
            offered, self._offered_frame = self._offered_frame, None
            is_loading = self.progress.ticks == 1
            timeout_s = self.config.policy_start_s if is_loading else lockstep.wait_timeout_s
            if self._policy.wait(offered, timeout_s) is None:
                self._faults.tell(f"no plan: {self._policy.message() or 'the policy is silent'}")
        plan = self._policy.newest_plan(last.frame)
        ego_at_plan = self._egos.get(plan.frame) if plan is not None else None
        if plan is None or ego_at_plan is None:
            return None, None
        return plan, self._policy.control(plan, ego_at_plan, last)

    def _inputs(
        self, last: Tick, driver: DriverInput, plan: Plan | None, policy_control: Control | None, is_rewound: bool
    ) -> ArbiterInputs:
        wanted = self._takeover_wanted.is_set()
        self._takeover_wanted.clear()
        return ArbiterInputs(
            frame=last.frame + 1,
            time_s=last.time_s + last.delta_s,
            driver=driver,
            ego_speed_mps=last.ego.speed_mps,
            policy_control=policy_control,
            plan_age_s=last.time_s - plan.time_s if plan is not None else None,
            plan_speed_mps=_first_speed(plan) if plan is not None else None,
            policy_alive=self._policy is not None and self._policy.is_alive(),
            plan_entropy=plan.entropy if plan is not None else 0.0,
            lane_steer=lane_steer(last.ego.pose, last.ego.speed_mps, last.route),
            ttc_s=last.ttc_s,
            route_left=abs(last.route.lateral_offset_m) > self.config.route_left_m,
            request=wanted,
            rewound=is_rewound,
        )

    def _rewound(self, last: Tick, driver: DriverInput) -> Tick | None:
        """The last tick as if it were the earlier one that the world was just set back to; None to go on."""
        wanted = self._rewind_wanted.is_set()
        self._rewind_wanted.clear()
        if not has_hands(driver):
            if wanted:
                self._faults.tell("the scene was not set back: nobody is at the wheel to drive it again")
            return None
        target = self._rewinder.target(driver, wanted)
        if target is None:
            return None
        self.world.set_back(target)
        self._egos.clear()  # plans made before belong to another course of events
        seconds = (last.frame - target.frame) * last.delta_s
        self._events.append(TickEvent(EventKind.REWIND, f"set back to frame {target.frame}", value=seconds))
        return replace(target, frame=last.frame, time_s=last.time_s)

    def _signal(self, before: Authority, after: Authority) -> None:
        """Hazard lights while the safe stop has the car: part of the minimal-risk manoeuvre."""
        if (after is Authority.SAFE_STOP) is not (before is Authority.SAFE_STOP):
            self.world.show_hazard_lights(after is Authority.SAFE_STOP)

    # --- the tick -----------------------------------------------------------------------------------------------

    def _built(
        self,
        frame: WorldFrame,
        route: RouteState,
        ttc_s: float,
        cameras: dict[str, CameraFrame],
        driver: DriverInput,
        plan: Plan | None,
        policy_control: Control | None,
        decision: Decision,
        last: Tick | None,
    ) -> Tick:
        tick = Tick(
            frame=frame.frame,
            time_s=frame.time_s,
            wall_time_s=frame.wall_time_s,
            delta_s=frame.delta_s,
            ego=frame.ego,
            actors=frame.actors,
            lights=frame.lights,
            route=route,
            cameras=cameras,
            driver=driver,
            plan=plan,
            policy_control=policy_control,
            control=decision.control,
            authority=decision.state.public(),
            events=(*decision.events, *frame.events, *self._own_events()),
            weather=frame.weather,
            ttc_s=ttc_s,
        )
        return replace(tick, events=(*tick.events, *_road_events(last, tick, self.route))) if last else tick

    def _own_events(self) -> tuple[TickEvent, ...]:
        marks, self._marks = self._marks, []
        scenes, self._scenes = self._scenes, ()
        own, self._events = self._events, []
        return (*own, *self._faults.take(), *scenes, *(TickEvent(EventKind.MARK, text) for text in marks))

    def _remember(self, tick: Tick) -> None:
        self._egos[tick.frame] = tick.ego
        while len(self._egos) > REMEMBERED_S / self.config.fixed_delta_s:
            self._egos.popitem(last=False)

    def _offer(self, tick: Tick) -> None:
        if self._policy is None:
            return
        lockstep = self.config.lockstep
        if lockstep is None:
            self._policy.offer(tick)
        elif (self.progress.ticks - 1) % lockstep.plan_every == 0:
            self._policy.offer(tick)
            self._offered_frame = tick.frame

    def _await_first_plan(self, tick: Tick) -> None:
        """Let the policy load and make its first plan while the world stands still."""
        if self._policy is None or self.config.lockstep is not None:
            return
        deadline = time.monotonic() + self.config.policy_start_s
        while time.monotonic() < deadline and not self._stop_asked.is_set():
            if self._policy.wait(tick.frame, WAIT_SLICE_S) is not None or not self._policy.is_alive():
                return
        self._faults.tell(f"the policy made no plan within {self.config.policy_start_s:.0f} s")

    def _stand_while_paused(self) -> None:
        """Hold the world between two ticks; its pace is counted anew afterwards."""
        if self._may_run.is_set():
            return
        while not self._stop_asked.is_set() and not self._may_run.wait(WAIT_SLICE_S):
            pass
        self._next_at_s = None

    def _pace(self) -> None:
        """Sleep until the next tick is due on the wall clock."""
        if not self.config.realtime or self.config.lockstep is not None:
            return
        now = time.perf_counter()
        due = now if self._next_at_s is None else self._next_at_s
        self.times.spare = due - now
        if due > now:
            time.sleep(due - now)
        elif now - due > CATCH_UP_S:
            due = now
        self._next_at_s = due + self.config.fixed_delta_s
        if self.last_tick is not None and any(event.kind is EventKind.REWIND for event in self.last_tick.events):
            self._next_at_s += self.config.rewind.pause_s


def _first_speed(plan: Plan) -> float | None:
    """Speed over a plan's first step, m/s."""
    if len(plan.trajectory_ego) == 0:
        return None
    return math.hypot(float(plan.trajectory_ego[0, 0]), float(plan.trajectory_ego[0, 1])) / plan.step_s


def _road_events(last: Tick, tick: Tick, route: Route) -> list[TickEvent]:
    """Leaving the road, and stop lines crossed at red (by the ego's reference point)."""
    events = []
    if tick.route.is_off_road and not last.route.is_off_road:
        events.append(TickEvent(EventKind.OFF_ROAD, "left the road"))
    colour_of = {light.actor_id: light.colour for light in tick.lights}
    for line in route.lines_crossed(last.route.driven_m, tick.route.driven_m):
        if colour_of.get(line.actor_id) is LightColour.RED:
            events.append(TickEvent(EventKind.RED_LIGHT, f"crossed light {line.opendrive_id} at red", line.actor_id))
    return events
