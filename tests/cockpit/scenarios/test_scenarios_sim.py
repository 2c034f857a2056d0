"""Scenarios on the real client and simulator, not rendered: staged, judged, recorded, failed by careless drivers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.files import RouteSpec, read_routes, shipped_routes
from cockpit.route.scenario_spec import ScenarioSpec
from cockpit.scenarios.judge import Phase
from cockpit.session.headless import run_headless_route
from cockpit.session.progress import SessionResult
from cockpit.world.simulator import launch_simulator
from policy.expert.expert import Expert, ExpertConfig
from recorder.schema import Control, DriverInput, DriverKind, EventKind, Tick
from tests.cockpit.session.session_parts import Keeper, ScriptedDriver


@pytest.fixture(scope="module")
def port():
    with launch_simulator(rendering=False) as simulator:
        yield simulator.port


def shipped(kind: str) -> RouteSpec:
    return next(r for r in read_routes(shipped_routes("collect")) if r.scenarios[0].type == kind)


def as_input(control: Control) -> DriverInput:
    return DriverInput(kind=DriverKind.EXPERT, steer=control.steer, throttle=control.throttle, brake=control.brake)


def expert(number: int, tick: Tick) -> DriverInput:
    return as_input(Expert().control(tick))


def lane_only(number: int, tick: Tick) -> DriverInput:
    blind = replace(tick, actors=(), lights=())
    return as_input(Expert(ExpertConfig(cruise_mps=10.0)).control(blind))


def drive(port: int, route: RouteSpec, script, keeper: Keeper | None = None, **config) -> SessionResult:
    settings = SessionConfig(port=port, timeout_s=60.0, traffic=TrafficConfig(count=0), light_state_every=5, **config)
    consumers = [keeper] if keeper is not None else []

    def is_decided(tick: Tick) -> bool:
        words = (": passed", ": failed", ": skipped")
        return any(e.kind is EventKind.SCENARIO and any(w in e.text for w in words) for e in tick.events)

    return run_headless_route(settings, route, None, ScriptedDriver(script), consumers, (), until=is_decided)


def test_the_expert_goes_round_a_broken_down_car_and_the_recording_has_it(port: int):
    keeper = Keeper()
    route = shipped("ParkedObstacle")
    result = drive(port, route, expert, keeper)
    outcome = result.scenarios[0]
    assert (outcome.type, outcome.phase, outcome.reason) == ("ParkedObstacle", Phase.PASSED, "")
    events = [e.text for tick in keeper.ticks for e in tick.events if e.kind is EventKind.SCENARIO]
    assert events == [f"ParkedObstacle_1 (ParkedObstacle): {phase}" for phase in ("staged", "running", "passed")]
    assert min(tick.route.lateral_offset_m for tick in keeper.ticks) < -1.5
    weather = keeper.ticks[-1].weather
    assert weather[5] == pytest.approx(route.weathers[0].values["sun_altitude_angle"])


def test_who_only_keeps_the_lane_hits_the_car_that_brakes_hard(port: int):
    outcome = drive(port, shipped("HardBreakRoute"), lane_only).scenarios[0]
    assert outcome.phase is Phase.FAILED
    assert outcome.reason.startswith("collision with vehicle.")


def test_who_changes_into_a_full_lane_without_a_look_is_hit_there(port: int):
    outcome = drive(port, shipped("HighwayExit"), lane_only).scenarios[0]
    assert outcome.phase is Phase.FAILED
    assert outcome.reason.startswith("collision with vehicle.")


def test_a_type_that_nobody_knows_is_skipped_and_the_drive_goes_on(port: int):
    route = shipped("ParkedObstacle")
    other = ScenarioSpec("New_1", "SomethingNew", route.scenarios[0].trigger)
    result = drive(port, replace(route, scenarios=(other,)), expert)
    assert result.scenarios[0].phase is Phase.SKIPPED
    assert "SomethingNew" in result.scenarios[0].reason


def test_recorded_traffic_is_replayed_beside_the_route(port: int, tmp_path):
    route = shipped("ParkedObstacle")
    place = route.waypoints[0]
    ways = tmp_path / "ways.csv"
    rows = [f"{t},5,vehicle.audi.tt,{place[0] + 12.0 + 4.0 * t},{place[1] + 30.0},0,0" for t in range(6)]
    ways.write_text("time_s,actor_id,type_id,x,y,z,yaw_rad\n" + "\n".join(rows) + "\n")
    keeper = Keeper()
    settings = SessionConfig(port=port, timeout_s=60.0, traffic=TrafficConfig(replay=ways))
    stop = [0]

    def is_over(tick: Tick) -> bool:
        stop[0] += 1
        return stop[0] > 130

    bare = replace(route, scenarios=(), weathers=())
    braking = ScriptedDriver(lambda number, tick: as_input(Control(brake=1.0)))
    run_headless_route(settings, bare, None, braking, [keeper], (), until=is_over)
    seen = [(t.time_s - keeper.ticks[0].time_s, a) for t in keeper.ticks for a in t.actors if a.role_name == "replay"]
    assert len({actor.actor_id for _, actor in seen}) == 1
    for time_s, actor in seen[2:-2]:
        assert actor.pose.x == pytest.approx(place[0] + 12.0 + 4.0 * time_s, abs=0.6)
        assert actor.speed_mps == pytest.approx(4.0, abs=0.6)
    assert 4.5 < seen[-1][0] < 5.3  # it leaves with its recording
