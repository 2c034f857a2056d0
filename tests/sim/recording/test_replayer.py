"""A replayed vehicle is in the table of all vehicles as it moves: traffic behind it and contacts read it there."""

import numpy as np
import pytest

from sim.recording import format as record
from tests.sim.calls.socketless import SocketlessServer

MODEL = "vehicle.tesla.model3"
PLACE = (5000.0, 175.0, 0.0), (0.0, 0.0, 0.0)
THROTTLE = [0.8, 0.1, 0.0, False, False, False, 0]


@pytest.fixture(params=[True, False], ids=["with velocities", "places only"])
def drive(request, tmp_path):
    """A server, a recording of a car that drives off, and its speeds in the table, tick by tick."""
    server = SocketlessServer()
    server.value("set_episode_settings", [True, True, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True])
    car = server.spawn("vehicle.tesla.model3")[0]
    server.value("start_recorder", str(tmp_path / "drive.log"), request.param)
    server.value("apply_control_to_vehicle", car, THROTTLE)
    speeds = []
    for _ in range(40):
        server.value("tick_cue")
        speeds.append(float(server.simulator.world.vehicles.speed()[0]))
    server.value("stop_recorder")
    server.value("destroy_actor", car)
    return server, str(tmp_path / "drive.log"), speeds


def test_the_table_has_the_recorded_speed(drive):
    server, name, speeds = drive
    server.value("replay_file", name, 0.0, 0.0, 0)
    found = []
    for _ in range(38):
        server.value("tick_cue")
        found.append(float(server.simulator.world.vehicles.speed()[0]))
    assert found == pytest.approx(speeds[1:39], abs=0.4)
    assert found[-1] > 3.0


def test_played_at_half_speed_it_moves_at_half_speed(drive):
    server, name, speeds = drive
    server.value("set_replayer_time_factor", 0.5)
    server.value("replay_file", name, 0.0, 0.0, 0)
    found = []
    for _ in range(76):
        server.value("tick_cue")
        found.append(float(server.simulator.world.vehicles.speed()[0]))
    assert found[1::2] == pytest.approx(0.5 * np.array(speeds[1:39]), abs=0.4)


def test_a_recorded_attribute_that_cannot_be_loses_no_vehicle(tmp_path):
    added = record.Added(7, record.ActorType.VEHICLE, *PLACE, 1, MODEL, ((5, "color", "²"),))
    frames = [record.Frame(number, 0.05, 0.05 * number, positions=[(7, *PLACE)]) for number in range(4)]
    frames[0].added.append(added)
    header = record.pack_header(record.Header("Carla/Maps/two_parts", 0))
    (tmp_path / "odd.log").write_bytes(header + b"".join(map(record.pack_frame, frames)))
    server = SocketlessServer()
    server.value("replay_file", str(tmp_path / "odd.log"), 0.0, 0.0, 0)
    server.value("tick_cue")
    (car,) = server.simulator.world.vehicles.ids.tolist()
    assert server.simulator.world.actor(car).type_id == MODEL
