"""A leaderboard agent in the driver's seat: real process, real simulator, real sensors."""

from __future__ import annotations

import os
import signal

import carla
import numpy as np
import pytest

from cockpit.world.simulator import launch_simulator
from policy.agents.process import AgentProcess
from policy.agents.source import AgentError, agent_source
from policy.serving.process import PolicyProcessError
from recorder.reading.reader import Segment, list_segments
from recorder.reading.verify import verify_session
from recorder.schema import Authority, DriverKind, Reason
from recorder.writing.writer import SegmentRecorder
from tests.cockpit.session.session_parts import ScriptedDriver, driver_input
from tests.policy.agents.agent_parts import PILOT, STAND_IN, drive, faults_of, pilot, steps_of
from tests.waiting import until

FIXED = {
    "LIDAR": {"channels": "64", "range": "85", "points_per_second": "600000", "rotation_frequency": "10",
              "upper_fov": "10", "lower_fov": "-30", "dropoff_general_rate": "0.45"},
    "RADAR": {"points_per_second": "1500", "range": "100", "horizontal_fov": "30.0", "vertical_fov": "30.0"},
    "GPS": {"noise_lat_stddev": "0.000005", "noise_lon_stddev": "0.000005", "noise_alt_stddev": "0.000005"},
    "IMU": {"noise_accel_stddev_z": "0.015", "noise_gyro_stddev_x": "0.001"},
    "Left": {"image_size_x": "64", "image_size_y": "32", "fov": "100"},
}  # fmt: skip
"""Attributes that the leaderboard sets (`agent_wrapper.py`), by the agent's ids."""
TYPE_OF = {
    "LIDAR": "sensor.lidar.ray_cast",
    "RADAR": "sensor.other.radar",
    "GPS": "sensor.other.gnss",
    "IMU": "sensor.other.imu",
    "Left": "sensor.camera.rgb",
}


@pytest.fixture(scope="module")
def port():
    with launch_simulator() as simulator:
        yield simulator.port


@pytest.fixture(autouse=True)
def _search_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))


def sensors_on(port: int) -> list[carla.Actor]:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(20.0)
    return list(client.get_world().get_actors().filter("sensor.*"))


def test_an_agent_is_given_every_sensor_of_the_leaderboard_in_every_tick_and_drives(port, tmp_path):
    found = {}

    def look(tick):
        if not found:
            found.update({sensor.type_id: sensor.attributes for sensor in sensors_on(port)})

    with pilot(tmp_path) as agent:
        ticks = drive(port, agent, 60, on_tick=look)
        assert agent.status().alive
    steps = [step for step in steps_of(tmp_path) if "frames" in step]
    assert [step["frames"] for step in steps] == [[tick.frame] for tick in ticks[:-1]]
    assert [round(step["timestamp"], 6) for step in steps] == [round(0.05 * n, 6) for n in range(1, len(ticks))]
    assert {tag: shape for tag, shape in steps[9]["shapes"].items() if tag in ("Left", "GPS", "IMU")} == {
        "Left": [32, 64, 4],
        "GPS": [3],
        "IMU": [7],
    }
    assert steps[9]["shapes"]["LIDAR"][0] > 1000
    assert steps[9]["shapes"]["LIDAR"][1] == steps[9]["shapes"]["RADAR"][1] == 4
    assert set(steps[9]["types"].items()) >= {("Left", "uint8"), ("LIDAR", "float32"), ("GPS", "float64")}
    assert steps[9]["brightest"] > 100
    assert "<OpenDRIVE" in steps[9]["map"]
    np.testing.assert_allclose(
        [step["speed"] for step in steps], [tick.ego.speed_mps for tick in ticks[:-1]], atol=0.03
    )
    for tag, fixed in FIXED.items():
        attributes = found[TYPE_OF[tag]]
        assert {name: float(attributes[name]) for name in fixed} == {
            name: float(value) for name, value in fixed.items()
        }
    assert ticks[-1].ego.speed_mps > 4.0
    assert max(abs(tick.route.lateral_offset_m) for tick in ticks) < 0.5


def test_the_global_plan_begins_where_gnss_and_world_say_the_ego_is(port, tmp_path):
    with pilot(tmp_path) as agent:
        ticks = drive(port, agent, 3)
    first = steps_of(tmp_path)[0]
    gps, x = first["plan"]
    metre = 1.0 / 111_000.0
    assert abs(gps["lat"] - first["gps"][0]) < 3 * metre
    assert abs(gps["lon"] - first["gps"][1]) < 3 * metre
    assert x == pytest.approx(ticks[0].ego.pose.x, abs=1.0)
    assert first["plan_length"] == pytest.approx(ticks[0].route.length_m, abs=2)
    assert "LANEFOLLOW" in first["options"]
    assert first["options"][-1] in ("RIGHT", "LEFT", "STRAIGHT")


def test_nothing_of_this_project_is_in_the_agents_process(port, tmp_path):
    with pilot(tmp_path) as agent:
        drive(port, agent, 3)
    assert steps_of(tmp_path)[0]["modules"] == []


def test_its_control_is_recorded_and_no_path_is_made_up(port, tmp_path):
    with pilot(tmp_path, senses=False) as agent:
        ticks = drive(port, agent, 30)
    for tick in ticks[2:]:
        assert tick.authority.authority is Authority.POLICY
        assert tick.control == tick.policy_control
        assert tick.plan is not None
        assert tick.plan.is_control_only
        assert tick.plan.frame == tick.frame - 1  # asked in every tick, answered before the next
    assert {tick.policy_control.throttle for tick in ticks[2:]} == {0.5}


def test_the_person_takes_over_gives_back_and_all_of_it_is_recorded(port, tmp_path):
    def hands(number, tick):
        return driver_input(takeover_pressed=10 <= number < 12, hand_back_pressed=number >= 30, throttle=0.5, steer=0.0)

    def recorded(stage):
        info = stage.info(DriverKind.HUMAN, "someone", "pilot")
        return [SegmentRecorder(tmp_path / "session", info, 1.0, 0.5, wait_when_full=True)]

    path = [[1.0, 0.0], [2.0, 0.0], [3.0, 0.1]]
    with pilot(tmp_path, senses=False, path=path) as agent:
        ticks = drive(port, agent, 80, ScriptedDriver(hands), recorded)
    who = [tick.authority.authority for tick in ticks]
    assert who[10:28] == [Authority.HUMAN] * 18
    assert Authority.HANDING_BACK in who
    assert who[-1] is Authority.POLICY
    assert verify_session(tmp_path / "session") == []
    segment = Segment.open(list_segments(tmp_path / "session")[0].path)
    read = [segment.tick(index) for index in range(len(segment))]
    by_frame = {tick.frame: tick for tick in ticks}
    assert len(read) > 40
    for tick in read:
        written = by_frame[tick.frame]
        assert tick.policy_control == written.policy_control
        assert (tick.plan is None) is (written.plan is None)
    plan = read[-1].plan
    assert (plan.direction, plan.speed, plan.step_s, plan.text) == (None, None, 0.25, "straight on")
    np.testing.assert_allclose(plan.trajectory_ego[:, :2], path, atol=1e-5)
    np.testing.assert_allclose(plan.trajectory_ego[:, 2], [0.0, 0.0, np.arctan2(0.1, 1.0)], atol=1e-5)


FAULTS = {
    "raises": "ZeroDivisionError: division by zero (pilot.py, line",
    "returns nothing": "run_step returned a NoneType instead of a carla.VehicleControl",
    "plans nonsense": "takeover_plan['waypoints'] is of shape (2,)",
    "exits": "ended with exit code 3",
}


@pytest.mark.parametrize("how", FAULTS)
def test_an_agent_that_fails_is_a_fault_with_its_text_and_loses_the_car_in_the_same_tick(port, tmp_path, how):
    with pilot(tmp_path, senses=False, fails=how, at=15) as agent:
        ticks = drive(port, agent, 60)
    assert FAULTS[how] in faults_of(ticks)
    asked = next(n for n, tick in enumerate(ticks) if tick.authority.authority is Authority.REQUESTED)
    assert asked == 15
    assert ticks[asked].authority.reason is Reason.POLICY_FAILED
    if how == "exits":
        assert ticks[-1].authority.authority is Authority.SAFE_STOP
    elif how != "plans nonsense":  # which goes on
        assert ticks[-1].authority.authority is Authority.POLICY


def test_an_agent_that_hangs_loses_the_car_and_is_ended_with_the_drive(port, tmp_path, monkeypatch):
    monkeypatch.setattr("policy.agents.process.LEAVE_TIMEOUT_S", 0.2)
    with pilot(tmp_path, senses=False, fails="hangs", at=15) as agent:
        ticks = drive(port, agent, 50, wait_timeout_s=0.5)
        assert "did not end its drive" in agent.status().message
    assert ticks[-1].authority.authority is Authority.SAFE_STOP
    stale = next(tick for tick in ticks if tick.authority.authority is Authority.REQUESTED)
    assert stale.authority.reason is Reason.PLAN_STALE
    assert "no plan" in faults_of(ticks)


def test_the_sensors_go_with_the_drive_also_those_of_an_agent_that_was_killed(port, tmp_path):
    seen = []
    with pilot(tmp_path) as agent:

        def look(tick):
            if not seen:
                seen.append(len(sensors_on(port)))

        drive(port, agent, 5, on_tick=look)
        assert seen == [6]  # its five, and the session's collision sensor
        assert sensors_on(port) == []
        assert steps_of(tmp_path)[-1] == {"destroyed": True}
        drive(port, agent, 5)  # a new agent for the next route, in the same process
        killed = []

        def kill(tick):
            if len(killed) < 1:
                killed.append(os.kill(agent.pid, signal.SIGKILL))

        ticks = drive(port, agent, 30, on_tick=kill)
    assert "killed by SIGKILL" in faults_of(ticks)
    assert ticks[-1].authority.authority is Authority.SAFE_STOP
    assert sensors_on(port) == []


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ("sensors", "sensor.camera.depth.*leaderboard agents do not get.*sensor.lidar.ray_cast"),
        ("setup", "ValueError: no weights in the folder .pilot.py, line"),
    ],
)
def test_an_agent_that_cannot_drive_is_refused_with_the_reason(port, tmp_path, fails, words):
    with pilot(tmp_path, fails=fails) as agent, pytest.raises(AgentError, match=words):
        drive(port, agent, 3)
    assert sensors_on(port) == []


def test_without_the_leaderboard_package_the_message_says_what_to_put_where(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    with AgentProcess(agent_source(f"agent:{PILOT}")) as agent:
        with pytest.raises(PolicyProcessError, match=r"No module named 'leaderboard'.*PYTHONPATH.*--agent-python"):
            agent.wait_ready()
        assert not agent.status().alive


def test_closing_ends_the_process_and_may_be_done_twice():
    agent = AgentProcess(agent_source(f"agent:{PILOT}"))
    agent.wait_ready()
    agent.close()
    agent.close()
    until(lambda: not agent.status().alive)
    with pytest.raises(ProcessLookupError):
        os.kill(agent.pid, 0)
