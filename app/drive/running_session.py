"""A drive that runs: simulator, policy, driver, cameras, recorder and session in one object, for several threads.

`RunningSession` brings everything up in a thread of its own, so that neither loading nor drawing ever stalls the tick,
and takes everything down again whatever happened. What goes wrong comes back as one message. Other threads send their
commands through the session's inbox, which is there before the session and after it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import cast

from app.config import RunConfig
from app.drive.building import USER_ERRORS, DriveParts, check_server, make_recorder, open_parts
from app.drive.run_status import END_WORDS, Ground, Meter, Phase, RecorderStatus, RunStatus
from app.drive.streams import StreamError, StreamRecorder
from app.study.study import ABORTED, FAILED, Trial, write_trial
from cockpit.config import LockstepConfig
from cockpit.devices import KeyboardDriver
from cockpit.route.route import Route
from cockpit.session.commands import Command, Inbox
from cockpit.session.loop import Session
from cockpit.session.pace import TickTimes
from cockpit.session.ports import TickConsumer
from cockpit.session.progress import EndReason, SessionResult
from cockpit.session.setup import set_stage
from cockpit.sound.car import CarSound
from cockpit.world.errors import WorldError
from cockpit.world.simulator import RunningSimulator, SimulatorError, launch_simulator
from cockpit.world.world import CarlaWorld
from policy.egodriver.driver import Egodriver
from policy.egodriver.serving import require_library, serving
from policy.serving.process import PolicyWorker
from recorder.schema import EventKind, SessionInfo, Tick, TickEvent
from recorder.session_log import EntryKind, SessionLog
from recorder.writing.writer import SegmentRecorder
from refine.driving import start_policy

log = logging.getLogger(__name__)


class RunningSession:
    """One drive, from its settings to its end. Made by `build_session`; every method may be called from any thread.

    `start` drives in a thread; `run` drives in the calling thread and raises what goes wrong.
    """

    def __init__(self, parts: DriveParts) -> None:
        self.config = parts.config
        self.head = parts.head
        self.trial = parts.trial
        self.rig = parts.rig
        self.driver = parts.driver
        self.cameras = parts.cameras
        self._parts = parts
        self.meter = Meter()
        self._consumers: list[TickConsumer] = [self.meter]
        self._phase, self._message = Phase.READY, ""
        self._session: Session | None = None
        self._world: CarlaWorld | None = None
        self._address = (parts.config.host or "127.0.0.1", parts.config.port)
        self._simulator: RunningSimulator | None = None
        self._policy: PolicyWorker | Egodriver | None = None
        self._recorder: SegmentRecorder | None = None
        self._log: SessionLog | None = None
        self._is_aborted = False
        self._streams: StreamRecorder | None = None
        self._stream_message = ""
        self._result: SessionResult | None = None
        self.ground: Ground | None = None
        """Town and route, as soon as they are known."""
        self._inbox = Inbox()
        self._thread: threading.Thread | None = None

    @property
    def eye(self) -> Callable[[], tuple[float, float, float]] | None:
        """Where a tracked driver's eye is; None when it is fixed."""
        return None if self.head is None else self.head.eye_m

    @property
    def keyboard(self) -> KeyboardDriver | None:
        """The driver, when it is the keyboard: the windows feed it."""
        return self.driver if isinstance(self.driver, KeyboardDriver) else None

    def add_consumer(self, consumer: TickConsumer) -> None:
        """Hand every tick to `consumer`, and close it in the end; before `start` only."""
        self._consumers.append(consumer)

    def world_address(self) -> tuple[str, int]:
        """Host and RPC port of the CARLA server, as followers get them; known once the drive has begun."""
        return self._address

    def forget_cameras(self, actor_ids: Iterable[int]) -> None:
        """Destroy the cameras of a follower that is gone."""
        world = self._world
        if world is not None:
            world.forget_cameras(actor_ids)

    def newest_tick(self) -> Tick | None:
        """The newest finished tick."""
        return self.meter.newest

    def status(self) -> RunStatus:
        """What the drive is doing now."""
        policy, recorder = self._policy, self._recorder
        phase, message = self._phase, self._message
        if phase is Phase.DRIVING and self._has_lost_simulator():  # the session notices when its wait is over
            phase, message = Phase.STOPPING, "the simulator has ended"
        return RunStatus(
            phase=phase,
            message=message,
            loop_hz=self.meter.loop_hz(),
            begin_time_s=self.meter.begin_time_s,
            policy=policy.status() if policy is not None and not phase.is_over else None,
            recorder=None if recorder is None else _recorder_status(recorder),
            folder=None if recorder is None else recorder.folder,
            result=self._result,
            is_paused=self._is_paused(),
            times=self._tick_times(),
            streams=() if self._streams is None else self._streams.status(),
            stream_message=self._stream_message,
        )

    def _tick_times(self) -> TickTimes | None:
        session = self._session
        return None if session is None else replace(session.times)

    def start(self) -> None:
        """Bring everything up and drive, in a thread of its own."""
        self._thread = threading.Thread(target=self._run_guarded, name="session", daemon=True)
        self._thread.start()

    def run(self) -> SessionResult | None:
        """Bring everything up, drive until the end, take everything down. None when stopped before the first tick.

        Raises:
            One of `USER_ERRORS`, with one message that says what failed and what to do.
        """
        try:
            with contextlib.ExitStack() as stack:
                self._result = self._drive(stack)
        except BaseException as error:
            self._end(Phase.FAILED, str(error) or type(error).__name__)
            raise
        message = END_WORDS[self._result.end] if self._result else "stopped before it began"
        self._end(Phase.ENDED, ABORTED if self._is_aborted else message)
        return self._result

    def request_takeover(self) -> None:
        """The experimenter asks the driver to take over."""
        if self._session is not None:
            self._inbox.put(Command.REQUEST_TAKEOVER)
            self._write_log(EntryKind.REQUEST)

    def request_rewind(self) -> None:
        """Set the scene back some seconds; the driver drives it from there."""
        if self._session is not None:
            self._inbox.put(Command.REWIND)

    def mark(self, text: str) -> None:
        """Put a mark into the recording: into the next tick, and into the session's log."""
        if self._session is not None:
            self._inbox.put(TickEvent(EventKind.MARK, text))
            self._write_log(EntryKind.MARK, text)

    def note(self, text: str) -> None:
        """Write something down, with the time, in the session's log."""
        self._write_log(EntryKind.NOTE, text)

    def pause(self) -> None:
        """Let the world stand still after the present tick."""
        if self._session is not None and not self._inbox.is_pause_asked:
            self._inbox.put(Command.PAUSE)
            self._write_log(EntryKind.PAUSE)

    def resume(self) -> None:
        """Go on after a pause."""
        if self._is_paused():
            self._write_log(EntryKind.RESUME)
            self._inbox.put(Command.RESUME)

    def _is_paused(self) -> bool:
        return self._session is not None and self._inbox.is_pause_asked

    def abort(self) -> None:
        """End the drive as one that does not count: its trial is still to be driven."""
        self._is_aborted = True
        self.stop()

    def _write_log(self, kind: EntryKind, text: str = "") -> None:
        session_log = self._log
        if session_log is not None:
            session_log.add(kind, text)

    def stop(self) -> None:
        """End the drive after the present tick; returns at once."""
        self._inbox.put(Command.STOP)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the drive is over; whether it is."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._phase.is_over

    def close(self) -> None:
        """Stop and wait until everything is taken down; safe to call twice."""
        self.stop()
        self.wait()
        if self._phase is Phase.READY:  # never started: nothing else would close the device
            self._close_ends()
            self._end(Phase.ENDED, "never started")

    def _run_guarded(self) -> None:
        try:
            self.run()
        except USER_ERRORS as error:
            log.warning("the drive failed: %s", error)
        except Exception:  # a defect must reach the log whole and the window as a message, not die with the thread
            log.exception("the drive failed")

    def _drive(self, stack: contextlib.ExitStack) -> SessionResult | None:
        """All parts in the order in which they need each other; `stack` takes them down in the reverse one."""
        config = self.config
        stack.callback(self._close_ends)
        host, port = config.host or "127.0.0.1", config.port
        if config.host is not None and config.as_egodriver is None:
            check_server(host, port)
        self._phase = Phase.SIMULATOR
        policy = config.policy_source()
        if policy is not None:  # loads while the simulator starts
            self._policy = stack.enter_context(start_policy(policy, config.adapter))
        if config.as_egodriver is not None:
            return self._drive_in_loop(stack, config.as_egodriver)
        if config.host is None:
            self._simulator = stack.enter_context(launch_simulator(config.map_path(), seed=config.seed))
            port = self._simulator.port
        if self._inbox.is_stop_asked:
            return None
        self._phase = Phase.WORLD
        self._address = (host, port)
        stage = stack.enter_context(set_stage(config.session_config(host, port), self.cameras))
        self._world = stage.world
        self.ground = Ground(stage.world.map_name, stage.world.opendrive, stage.route.points)
        if config.record:
            self._recorder = make_recorder(self._parts, stage.info)
            stack.callback(self._recorder.close)
            self._log = SessionLog(self._recorder.folder)
            if self.trial is not None:
                write_trial(self._recorder.folder, self.trial.label())
            self._consumers += [self._recorder, self._log]
        if config.sound is not None:
            self._consumers.append(CarSound(config.sound, config.arbitration))
        self._open_streams(stage.info() if self._recorder is None else self._recorder.info)
        self._phase = Phase.POLICY
        stage.seat(self._policy)
        ends = self._policy, self.driver, self._consumers
        session = Session(stage.config, stage.world, stage.route, *ends, stage.scenarios, self.head, self._inbox)
        stack.callback(session.close)
        self._session = session
        if self._inbox.is_stop_asked:
            return None
        try:
            return session.run(until=self._note_driving)
        except WorldError as error:
            if not self._has_lost_simulator():
                raise
            stage.world.mark_lost()
            raise SimulatorError(self._last_words()) from error

    def _drive_in_loop(self, stack: contextlib.ExitStack, port: int) -> SessionResult | None:
        """The drive in somebody else's loop: it is the world, and what the session decides is its answer."""
        require_library("takeover drive --as-egodriver")
        from app.drive.foreign_loop import LOOP_STEP_S, ForeignLoop, LoopClosed, WatchedPolicy, foreign_info

        self._phase = Phase.WORLD
        policy = WatchedPolicy(self._policy) if self._policy is not None else None
        loop = ForeignLoop(self.cameras, policy, LOOP_STEP_S, lambda: self._inbox.is_stop_asked)
        served = stack.enter_context(serving(loop, port=port))
        stack.callback(loop.close)
        self._address = (served.address.host, served.address.port)
        log.info("waiting for a loop to call %s", served.address)
        if self.config.record:
            self._recorder = make_recorder(self._parts, foreign_info(self.config))
            stack.callback(self._recorder.close)
            self._log = SessionLog(self._recorder.folder)
            self._consumers += [self._recorder, self._log]
        settings = self.config.session_config(*self._address).model_copy(
            update={"realtime": False, "lockstep": LockstepConfig(plan_every=1), "fixed_delta_s": LOOP_STEP_S}
        )
        world, route = cast(CarlaWorld, loop), cast(Route, loop.route)
        session = Session(settings, world, route, policy, self.driver, self._consumers, inbox=self._inbox)
        stack.callback(session.close)
        self._session = session
        try:
            return session.run(until=self._note_driving)
        except LoopClosed:
            return session.result(EndReason.STOP_ASKED) if session.last_tick is not None else None

    def _open_streams(self, info: SessionInfo) -> None:
        """Open the configured streams in and out; without their library the drive goes on and reports it."""
        streams = self.config.streams
        if not streams.read and not streams.send:
            return
        folder = None if self._recorder is None else self._recorder.folder
        try:
            self._streams = StreamRecorder(streams, folder, info, self._note_stream)
        except StreamError as error:
            self._note_stream(str(error))
            return
        self._consumers.append(self._streams)

    def _note_stream(self, text: str) -> None:
        self._stream_message = text
        log.warning("%s", text)
        self._write_log(EntryKind.STREAM, text)

    def _has_lost_simulator(self) -> bool:
        return self._simulator is not None and not self._simulator.is_alive

    def _last_words(self) -> str:
        """How the embedded simulator ended, with its last output."""
        assert self._simulator is not None  # noqa: S101  the caller looked
        words = f"The simulator ended while driving (exit code {self._simulator.process.poll()})."
        words += " What was recorded is kept; start again."
        output = self._simulator.complaints()
        return f"{words} It said:\n{output}" if output else words

    def _note_driving(self, _: Tick) -> bool:
        self._phase = Phase.STOPPING if self._inbox.is_stop_asked else Phase.DRIVING
        return False

    def _close_ends(self) -> None:
        """The driver's device and the screens, whether the drive ever began or not."""
        for end in (self.driver, self.head, *self._consumers):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.close()

    def _end(self, phase: Phase, message: str) -> None:
        self._write_log(EntryKind.END, f"{FAILED}: {message}" if phase is Phase.FAILED else message)
        self._session = None
        self._message = message
        self._phase = phase


def build_session(config: RunConfig, trial: Trial | None = None) -> RunningSession:
    """A drive ready to start: all that can be checked is, the driver's device is open, nothing is started yet.

    Raises:
        As `app.drive.building.open_parts`.
    """
    return RunningSession(open_parts(config, trial))


def _recorder_status(recorder: SegmentRecorder) -> RecorderStatus:
    return RecorderStatus(recorder.is_recording, len(recorder.segments), recorder.dropped_ticks, recorder.error or "")
