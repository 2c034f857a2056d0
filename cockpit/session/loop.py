"""The session: the one loop that owns the clock. One step is one tick of docs/architecture.md, from input to record.

It wires together what it is given (a world, a route, a policy, a driver, consumers) and knows how none of them work.
Who drives is decided in `cockpit.authority.arbitration`, when it is over in `cockpit.session.progress`. In real time it
holds the wall clock's pace; in lock-step it waits for the plan of every decision tick, so that results do not depend on
the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from cockpit.authority.arbitration import ArbiterInputs, Decision, arbitrate, initial_state
from cockpit.authority.lane_keeping import lane_steer
from cockpit.authority.state import has_hands
from cockpit.config import SessionConfig
from cockpit.route.route import Route
from cockpit.scenarios.director import Director
from cockpit.session.commands import Command, Inbox
from cockpit.session.faults import FaultLog
from cockpit.session.guards import GuardedConsumers, GuardedDriver, GuardedPolicy
from cockpit.session.observation import Observation, observe, road_events
from cockpit.session.pace import Pace, TickTimes
from cockpit.session.planning import PlacedPlan, Planner
from cockpit.session.ports import CameraAim, DriverSource, PolicyDriver, TickConsumer
from cockpit.session.progress import EndReason, Progress, SessionResult
from cockpit.session.second_chance import Rewinder
from cockpit.world.world import CarlaWorld
from recorder.schema import Authority, Control, DriverInput, EventKind, Tick, TickEvent

WAIT_SLICE_S = 0.2
"""How long a paused session waits for a command at a time."""


class Session:
    """A session on a stage that is set. For one thread, except `ask_stop`, `request_takeover`, `request_rewind`,
    `mark`, `pause`, `resume` and `is_paused`, which may be used from any.

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
        inbox: Inbox | None = None,
    ) -> None:
        self.config = config
        self.aim = aim
        self.world = world
        self.route = route
        self.scenarios = scenarios
        self._inbox = inbox or Inbox()
        self._faults = FaultLog(self._inbox.put)
        guarded = GuardedPolicy(policy, self._faults) if policy is not None else None
        self._planner = Planner(guarded, config, self._faults) if guarded is not None else None
        self._driver = GuardedDriver(driver, self._faults) if driver is not None else None
        self._consumers = GuardedConsumers(consumers, self._faults)
        self.progress = Progress(config)
        self.times = TickTimes()
        self.last_tick: Tick | None = None
        self._state = initial_state(Authority.POLICY if policy is not None else Authority.HUMAN, 0, 0.0)
        self._rewinder = Rewinder(config.rewind, config.fixed_delta_s)
        self._pace = Pace(config.fixed_delta_s)
        self._events: list[TickEvent] = []
        """For the tick at hand."""
        self._requests: set[Command] = set()
        """Taken from the inbox, and to be done in the next tick."""
        self._is_stopping = self._is_pausing = self._is_closed = False

    # --- from other threads -------------------------------------------------------------------------------------

    def ask_stop(self) -> None:
        """End the session after the present tick."""
        self._inbox.put(Command.STOP)

    def request_takeover(self) -> None:
        """Ask the driver to take over (the experimenter's button)."""
        self._inbox.put(Command.REQUEST_TAKEOVER)

    def request_rewind(self) -> None:
        """Set the scene back some seconds and let the driver drive it from there (the second chance)."""
        self._inbox.put(Command.REWIND)

    def mark(self, text: str) -> None:
        """Put a mark with a text into the next tick that is finished."""
        self._inbox.put(TickEvent(EventKind.MARK, text))

    def pause(self) -> None:
        """Stand still after the present tick: the world's time does not pass until `resume` (or `ask_stop`)."""
        self._inbox.put(Command.PAUSE)

    def resume(self) -> None:
        """Go on after a pause."""
        self._inbox.put(Command.RESUME)

    @property
    def is_paused(self) -> bool:
        """Whether the session stands still, or will after the present tick."""
        return self._inbox.is_pause_asked

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
        return EndReason.STOP_ASKED if self._is_stop_asked() else self.progress.end()

    def result(self, end: EndReason) -> SessionResult:
        """What came of the session so far."""
        result = self.progress.result(self.route.route_id, end)
        return replace(result, scenarios=self.scenarios.outcomes(end.value)) if self.scenarios else result

    def close(self) -> None:
        """Close the consumers; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._consumers.close()

    def step(self) -> Tick:
        """One tick. The first only looks at the world, and lets the policy make its first plan.

        Raises:
            WorldLost: the server does not answer any more.
            WorldError: a camera fell silent, or another client moved the clock.

        """
        tick = self._first_tick() if self.last_tick is None else self._next_tick(self.last_tick)
        self.last_tick = tick
        self.progress.add(tick)
        if self.scenarios is not None:
            for event in self.scenarios.step(tick):
                self._inbox.put(event)
        self._rewinder.add(tick)
        begun = time.perf_counter()
        if self._planner is not None:
            self._planner.offer(tick)
        offered = time.perf_counter()
        self._consumers.give(tick)
        given = time.perf_counter()
        self.times.offer, self.times.consumers = offered - begun, given - offered
        if self.progress.ticks == 1 and self._planner is not None:
            self._planner.await_first(tick, self._is_stop_asked)
        if self.config.realtime and self.config.lockstep is None:
            self.times.spare = self._pace.wait(self._rest_s(tick))
        return tick

    def _first_tick(self) -> Tick:
        """The world as it is found, the ego held by its brake."""
        standing = Control(brake=1.0)
        self.world.apply(standing)
        seen = observe(self.world, self.route, None, self.times)
        self._state = replace(self._state, since_frame=seen.frame.frame, since_time_s=seen.frame.time_s)
        return self._built(seen, DriverInput(), None, Decision(self._state, standing), None)

    def _next_tick(self, last: Tick) -> Tick:
        self._take_inbox()
        begun = time.perf_counter()
        driver = self._driver.read(last) if self._driver is not None else DriverInput()
        read = time.perf_counter()
        back = self._rewound(last, driver)
        last, is_rewound = back or last, back is not None
        placed = self._planner.newest(last) if self._planner is not None else None
        planned = time.perf_counter()
        inputs = self._inputs(last, driver, placed, is_rewound)
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
        seen = observe(self.world, self.route, last.route.driven_m, self.times)
        return self._built(seen, driver, placed, decision, last)

    # --- deciding -----------------------------------------------------------------------------------------------

    def _inputs(self, last: Tick, driver: DriverInput, placed: PlacedPlan | None, is_rewound: bool) -> ArbiterInputs:
        return ArbiterInputs(
            frame=last.frame + 1,
            time_s=last.time_s + last.delta_s,
            driver=driver,
            ego_speed_mps=last.ego.speed_mps,
            policy_control=placed.control if placed is not None else None,
            plan_age_s=last.time_s - placed.plan.time_s if placed is not None else None,
            plan_speed_mps=placed.first_speed_mps if placed is not None else None,
            policy_alive=self._planner is not None and self._planner.is_alive(),
            plan_entropy=placed.plan.entropy if placed is not None else 0.0,
            lane_steer=lane_steer(last.ego.pose, last.ego.speed_mps, last.route),
            ttc_s=last.ttc_s,
            route_left=abs(last.route.lateral_offset_m) > self.config.route_left_m,
            request=self._is_requested(Command.REQUEST_TAKEOVER),
            rewound=is_rewound,
        )

    def _rewound(self, last: Tick, driver: DriverInput) -> Tick | None:
        """The last tick as if it were the earlier one that the world was just set back to; None to go on."""
        is_requested = self._is_requested(Command.REWIND)
        if not has_hands(driver):
            if is_requested:
                self._faults.report("the scene was not set back: nobody is at the wheel to drive it again")
            return None
        target = self._rewinder.target(driver, is_requested)
        if target is None:
            return None
        self.world.set_back(target)
        if self._planner is not None:
            self._planner.forget()
        seconds = (last.frame - target.frame) * last.delta_s
        self._inbox.put(TickEvent(EventKind.REWIND, f"set back to frame {target.frame}", value=seconds))
        return replace(target, frame=last.frame, time_s=last.time_s)

    def _signal(self, before: Authority, after: Authority) -> None:
        """Hazard lights while the safe stop has the car: part of the minimal-risk manoeuvre."""
        if (after is Authority.SAFE_STOP) is not (before is Authority.SAFE_STOP):
            self.world.show_hazard_lights(after is Authority.SAFE_STOP)

    # --- the tick -----------------------------------------------------------------------------------------------

    def _built(
        self,
        seen: Observation,
        driver: DriverInput,
        placed: PlacedPlan | None,
        decision: Decision,
        last: Tick | None,
    ) -> Tick:
        frame = seen.frame
        tick = Tick(
            frame=frame.frame,
            time_s=frame.time_s,
            wall_time_s=frame.wall_time_s,
            delta_s=frame.delta_s,
            ego=frame.ego,
            actors=frame.actors,
            lights=frame.lights,
            route=seen.route,
            cameras=seen.cameras,
            driver=driver,
            plan=placed.plan if placed is not None else None,
            policy_control=placed.control if placed is not None else None,
            control=decision.control,
            authority=decision.state.public(),
            events=(*decision.events, *frame.events, *self._own_events()),
            weather=frame.weather,
            ttc_s=seen.ttc_s,
            ego_at_plan=placed.ego if placed is not None else None,
        )
        return replace(tick, events=(*tick.events, *road_events(last, tick, self.route))) if last else tick

    def _own_events(self) -> list[TickEvent]:
        """The events that came through the inbox since the last tick, in their order."""
        self._take_inbox()
        self._faults.count_tick()
        events, self._events = self._events, []
        return events

    def _take_inbox(self) -> None:
        """Empty the inbox: what concerns the loop itself is done at once, the rest waits for its place in the tick."""
        for item in self._inbox.take():
            match item:
                case TickEvent():
                    self._events.append(item)
                case Command.STOP:
                    self._is_stopping = True
                case Command.PAUSE | Command.RESUME:
                    self._is_pausing = item is Command.PAUSE
                case Command.REQUEST_TAKEOVER | Command.REWIND:
                    self._requests.add(item)

    def _is_stop_asked(self) -> bool:
        self._take_inbox()
        return self._is_stopping

    def _is_requested(self, command: Command) -> bool:
        """Whether this was asked for; it is done with then."""
        is_requested = command in self._requests
        self._requests.discard(command)
        return is_requested

    def _stand_while_paused(self) -> None:
        """Hold the world between two ticks; its pace is counted anew afterwards."""
        while not self._is_stop_asked() and self._is_pausing:
            self._pace.restart()
            self._inbox.wait(WAIT_SLICE_S)

    def _rest_s(self, tick: Tick) -> float:
        """How long the world rests after this tick: the driver is given a moment when the scene was set back."""
        is_back = any(event.kind is EventKind.REWIND for event in tick.events)
        return self.config.rewind.pause_s if is_back else 0.0
