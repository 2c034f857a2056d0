"""The session on the real simulator, through its ports: ticks, takeovers, failures, and what is left afterwards."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import threading
import time

import pytest

from cockpit.config import ConfigError, LockstepConfig, SessionConfig, TrafficConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.files import read_route, shipped_routes
from cockpit.session.headless import run_headless_route
from cockpit.session.loop import Session
from cockpit.session.progress import EndReason
from cockpit.session.setup import set_stage
from cockpit.world.conversion import carla_transform
from cockpit.world.errors import WorldError, WorldLost
from cockpit.world.simulator import SimulatorError, launch_simulator
from cockpit.world.world import CarlaWorld
from policy.expert.safety_driver import SafetyDriver
from recorder.reading.reader import list_segments, read_session
from recorder.schema import Authority, DriverInput, EventKind, Reason
from recorder.writing.writer import SegmentRecorder
from tests.cockpit.session.session_parts import ExpertPlanner, Keeper, ScriptedDriver, driver_input

SMALL = CameraSpec("front", 96, 54)
ROUTE = read_route(shipped_routes("millbrook_train"), "train_1")


@pytest.fixture(scope="module")
def server():
    """A simulator without rendering, for all tests that look at no picture."""
    with launch_simulator(rendering=False) as simulator:
        yield simulator


def settings(port: int, vehicles: int = 0, **changes) -> SessionConfig:
    base = {"port": port, "timeout_s": 5.0, "traffic": TrafficConfig(count=vehicles), "lockstep": LockstepConfig()}
    return SessionConfig(**{**base, **changes})


def drive(config: SessionConfig, policy, driver, seconds: float, consumers=(), cameras=(SMALL,)):
    """Result of a headless drive over the first seconds of the route."""
    begun: list[float] = []

    def is_over(tick) -> bool:
        begun.append(tick.time_s)
        return tick.time_s - begun[0] >= seconds

    return run_headless_route(config, ROUTE, policy, driver, consumers, cameras, until=is_over)


def poses(keeper: Keeper):
    return [[(a.pose, a.velocity_mps, a.type_id) for a in (tick.ego, *tick.actors)] for tick in keeper.ticks]


def lights(keeper: Keeper):
    shown = [[(light.opendrive_id, light.colour, light.elapsed_s) for light in tick.lights] for tick in keeper.ticks]
    return [tick.time_s for tick in keeper.ticks], shown


def test_two_lockstep_runs_in_traffic_give_the_same_poses_bit_for_bit(server):
    runs = []
    for _ in range(2):
        keeper = Keeper()
        drive(settings(server.port, vehicles=10, seed=3), ExpertPlanner(), SafetyDriver(), 5.0, [keeper])
        runs.append(keeper)
    assert len(runs[0].ticks) > 95
    assert max(len(tick.actors) for tick in runs[0].ticks) >= 3
    assert poses(runs[0]) == poses(runs[1])
    assert lights(runs[0]) == lights(runs[1])
    assert [tick.control for tick in runs[0].ticks] == [tick.control for tick in runs[1].ticks]


def test_the_policy_drives_the_route_and_the_result_says_how_far(server):
    keeper = Keeper()
    result = drive(settings(server.port), ExpertPlanner(), ScriptedDriver(), 12.0, [keeper])
    assert result.end is EndReason.STOP_ASKED
    assert result.driven_m > 40.0
    assert result.distance_m == pytest.approx(result.driven_m, rel=0.1)
    assert result.takeovers == 0
    assert result.policy_share == 1.0
    assert {tick.authority.authority for tick in keeper.ticks} == {Authority.POLICY}
    assert max(abs(tick.route.lateral_offset_m) for tick in keeper.ticks) < 1.0


def test_frames_follow_each_other_and_plans_name_the_frame_they_came_from(server):
    keeper, policy = Keeper(), ExpertPlanner()
    drive(settings(server.port, lockstep=LockstepConfig(plan_every=2)), policy, ScriptedDriver(), 2.0, [keeper])
    frames = [tick.frame for tick in keeper.ticks]
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    assert policy.offered == frames[::2][: len(policy.offered)]
    for tick in keeper.ticks[1:]:
        assert tick.plan is not None
        assert tick.plan.frame in (tick.frame - 1, tick.frame - 2)


def test_a_braking_person_has_the_car_in_the_tick_in_which_the_brake_is_seen(server):
    def brakes_at_40(number, tick) -> DriverInput:
        return driver_input(brake=0.7) if number >= 40 else driver_input()

    keeper = Keeper()
    result = drive(settings(server.port), ExpertPlanner(), ScriptedDriver(brakes_at_40), 4.0, [keeper])
    before, at = keeper.ticks[39], keeper.ticks[40]
    assert before.authority.authority is Authority.POLICY
    assert at.driver.brake == 0.7
    assert at.authority.authority is Authority.HUMAN
    assert at.authority.reason is Reason.OVERRIDE_BRAKE
    assert at.authority.since_frame == at.frame
    assert at.control.brake == 0.7
    assert [event.kind for event in at.events] == [EventKind.TAKEOVER]
    assert result.takeovers == 1
    assert keeper.ticks[-1].ego.speed_mps < before.ego.speed_mps


def test_a_dead_policy_leads_to_a_request_then_a_safe_stop_and_the_person_can_still_drive(server):
    def presses_late(number, tick) -> DriverInput:
        stands = tick.authority.authority is Authority.SAFE_STOP and tick.ego.speed_mps < 0.05
        drives = stands or tick.authority.authority is Authority.HUMAN
        return driver_input(takeover_pressed=stands, throttle=0.5) if drives else driver_input()

    keeper = Keeper()
    config = settings(server.port, lockstep=LockstepConfig(plan_every=1, wait_timeout_s=0.1))
    drive(config, ExpertPlanner(fails_after=60), ScriptedDriver(presses_late), 11.0, [keeper])
    order = [authority for authority, _ in itertools.groupby(tick.authority.authority for tick in keeper.ticks)]
    assert order == [Authority.POLICY, Authority.REQUESTED, Authority.SAFE_STOP, Authority.HUMAN]
    first = next(tick for tick in keeper.ticks if tick.authority.authority is Authority.REQUESTED)
    assert first.authority.reason is Reason.POLICY_FAILED
    faults = [event.text for tick in keeper.ticks for event in tick.events if event.kind is EventKind.FAULT]
    assert any("ended with signal 9" in text for text in faults)
    stopping = [tick for tick in keeper.ticks if tick.authority.authority is Authority.SAFE_STOP]
    assert max(abs(tick.route.lateral_offset_m) for tick in stopping) < 1.0
    assert keeper.ticks[-1].ego.speed_mps > 0.5


def test_nothing_is_left_in_the_world_and_the_clock_is_given_back(server):
    drive(settings(server.port, vehicles=5), ExpertPlanner(), ScriptedDriver(), 0.5)
    world = CarlaWorld(settings(server.port))
    try:
        world.advance()
        left = [actor.type_id for actor in world.world.get_actors() if actor.type_id.startswith(("vehicle", "sensor"))]
        assert left == []
    finally:
        world.close()
    assert not world.client.get_world().get_settings().synchronous_mode


def test_a_consumer_that_fails_is_dropped_and_reported(server):
    class Broken(Keeper):
        def consume(self, tick) -> None:
            super().consume(tick)
            raise ValueError("the screen burst")

    broken, keeper = Broken(), Keeper()
    drive(settings(server.port), ExpertPlanner(), ScriptedDriver(), 0.5, [broken, keeper])
    assert len(broken.ticks) == 1
    assert len(keeper.ticks) > 5
    assert "the screen burst" in keeper.ticks[1].events[0].text
    assert keeper.closed == 1


def test_real_time_is_not_faster_than_the_clock(server):
    config = settings(server.port, lockstep=None, realtime=True)
    with set_stage(config, [], ROUTE) as stage:
        session = Session(config, stage.world, stage.route, ExpertPlanner(), ScriptedDriver())
        session.step()
        begun = time.perf_counter()
        for _ in range(20):
            session.step()
        assert time.perf_counter() - begun >= 19 * config.fixed_delta_s


def test_the_experimenters_wish_and_marks_come_in_from_outside(server):
    config = settings(server.port)
    keeper = Keeper()
    with set_stage(config, [SMALL], ROUTE) as stage:
        session = Session(stage.config, stage.world, stage.route, ExpertPlanner(), ScriptedDriver(), [keeper])
        for _ in range(3):
            session.step()
        session.mark("look here")
        session.request_takeover()
        tick = session.step()
        assert tick.authority.reason is Reason.EXPERIMENTER
        assert EventKind.MARK in [event.kind for event in tick.events]
        session.ask_stop()
        assert session.run().end is EndReason.STOP_ASKED
    assert keeper.closed == 1


def test_running_into_a_parked_car_is_one_collision_and_ends_the_session_where_asked(server):
    config = settings(server.port, end_on_collision=True)
    pedal = ScriptedDriver(lambda number, tick: driver_input(throttle=1.0))
    keeper = Keeper()
    with set_stage(config, [], ROUTE) as stage:
        library = stage.world.world.get_blueprint_library()
        place = carla_transform(stage.route.pose_at(30.0))
        parked = stage.world.world.spawn_actor(library.find("vehicle.audi.tt"), place)
        session = Session(stage.config, stage.world, stage.route, None, pedal, [keeper])
        result = session.run(lambda tick: tick.time_s > keeper.ticks[0].time_s + 10.0)
        parked.destroy()
    assert result.end is EndReason.COLLISION
    collisions = [event for tick in keeper.ticks for event in tick.events if event.kind is EventKind.COLLISION]
    assert len(collisions) == 1
    assert "vehicle.audi.tt" in collisions[0].text
    assert collisions[0].value > 1000.0
    before = keeper.ticks[-20]
    assert before.ttc_s < 3.0


def test_a_wheel_unplugged_while_the_policy_drives_leads_to_a_safe_stop(server):
    unplugged = ScriptedDriver(lambda number, tick: driver_input(connected=number < 30))
    keeper = Keeper()
    drive(settings(server.port), ExpertPlanner(), unplugged, 9.0, [keeper])
    order = [authority for authority, _ in itertools.groupby(tick.authority.authority for tick in keeper.ticks)]
    assert order == [Authority.POLICY, Authority.REQUESTED, Authority.SAFE_STOP]
    assert keeper.ticks[-1].ego.speed_mps < 0.1


def test_every_screen_of_a_tick_shows_the_frame_of_that_tick():
    specs = [dataclasses.replace(SMALL, name=name) for name in ("left", "centre", "right", "front")]
    specs[0] = CameraSpec("left", 64, 64)
    keeper = Keeper()
    with launch_simulator() as simulator:
        drive(settings(simulator.port), ExpertPlanner(), ScriptedDriver(), 4.0, [keeper], specs)
    for tick in keeper.ticks:
        assert set(tick.cameras) == {"left", "centre", "right", "front"}
        assert {picture.frame for picture in tick.cameras.values()} == {tick.frame}
        assert tick.cameras["left"].image.shape == (64, 64, 3)
        assert (tick.cameras["centre"].image == tick.cameras["front"].image).all()
    first, last = keeper.ticks[0].cameras["front"].image, keeper.ticks[-1].cameras["front"].image
    assert first.std() > 5.0
    assert (first != last).mean() > 0.05


def test_a_server_killed_in_the_middle_gives_one_message_and_keeps_what_was_recorded(tmp_path):
    def takes_over(number, tick) -> DriverInput:
        return driver_input(takeover_pressed=number == 20, throttle=0.3) if number >= 20 else driver_input()

    kept = Keeper()
    with launch_simulator(rendering=False) as simulator:

        def dies(tick) -> None:
            kept.consume(tick)
            if len(kept.ticks) == 60:
                os.kill(simulator.process.pid, signal.SIGKILL)

        def consumers(stage):
            return [SegmentRecorder(tmp_path / "session", stage.info()), kept_closer]

        kept_closer = Keeper()
        config = settings(simulator.port, vehicles=5)
        with pytest.raises(WorldLost, match=rf"127\.0\.0\.1:{simulator.port} stopped answering.*recorded is kept"):
            run_headless_route(
                config, ROUTE, ExpertPlanner(), ScriptedDriver(takes_over), consumers, [SMALL], on_tick=dies
            )
    assert kept_closer.closed == 1
    assert read_session(tmp_path / "session").route_id == "train_1"
    segment = list_segments(tmp_path / "session")[0]
    assert segment.ticks == 60


def test_a_missing_map_is_named(tmp_path):
    with (
        pytest.raises(SimulatorError, match=r"nowhere\.xodr does not exist"),
        launch_simulator(tmp_path / "nowhere.xodr"),
    ):
        pass


def test_a_file_that_is_no_map_is_named_with_what_the_simulator_said(tmp_path):
    path = tmp_path / "broken.xodr"
    path.write_text("<OpenDRIVE><road", encoding="utf-8")
    with pytest.raises(SimulatorError, match="broken"), launch_simulator(path, rendering=False):
        pass


def test_no_server_is_reported_with_what_to_do():
    with pytest.raises(WorldLost, match="takeover sim"):
        CarlaWorld(SessionConfig(port=9, timeout_s=0.5))


def test_an_unknown_town_blueprint_or_weather_names_what_there_is(server):
    for change, words in (
        ({"town": "Atlantis"}, "Millbrook"),
        ({"ego_blueprint": "vehicle.flying.carpet"}, r"vehicle\.tesla\.model3"),
        ({"weather": "Sharknado"}, "ClearNoon"),
    ):
        with pytest.raises(ConfigError, match=words):
            set_stage(settings(server.port, **change), [], dataclasses.replace(ROUTE, town="")).close()


def test_a_blocked_start_is_reported_with_its_place(server):
    with set_stage(settings(server.port), [], ROUTE), pytest.raises(WorldError, match="something stands there"):
        set_stage(settings(server.port), [], ROUTE).close()


def test_a_paused_session_stands_still_and_goes_on_where_it_was(server):
    """The world's time does not pass in a pause; a stop ends it."""
    with set_stage(settings(server.port, lockstep=None), (SMALL,), ROUTE) as stage:
        keeper = Keeper()
        session = Session(stage.config, stage.world, stage.route, None, None, [keeper])
        runner = threading.Thread(target=session.run, daemon=True)
        runner.start()
        wait_for(lambda: len(keeper.ticks) >= 3)
        session.pause()
        assert session.is_paused
        time.sleep(0.5)  # the present tick may still be finished
        held = len(keeper.ticks)
        time.sleep(1.0)
        assert len(keeper.ticks) == held
        session.resume()
        wait_for(lambda: len(keeper.ticks) >= held + 3)
        times_s = [tick.time_s for tick in keeper.ticks]
        assert max(b - a for a, b in itertools.pairwise(times_s)) == pytest.approx(0.05)
        session.pause()
        session.ask_stop()
        runner.join(20.0)
        assert not runner.is_alive()


def wait_for(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
