"""Whatever arguments calls get, each is answered, and the world ticks on, with its sensors read and its recording."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.world.blueprints import BLUEPRINTS, MISSING_SENSORS
from tests.sim.calls.socketless import AHEAD, SocketlessServer

SLOW_OR_WRITING = {"load_new_episode", "start_recorder", "cast_ray", "project_point", "get_all_level_BBs"} | {
    "get_environment_objects",
    "get_names_of_all_objects",
}
"""Left out: they build a map's world or scenery (a second each), or write files."""

numbers = st.floats() | st.floats(-1e13, 1e13) | st.integers(-(2**40), 2**63) | st.sampled_from([-1, 0, 1, 2, 20, 39])
leaves = numbers | st.booleans() | st.none() | st.text(max_size=8) | st.binary(max_size=8)
triples = st.lists(st.floats(-1e12, 1e12), min_size=3, max_size=3)
values = st.recursive(leaves | triples, lambda inner: st.lists(inner, max_size=5), max_leaves=12)
texts = st.one_of(
    st.text(max_size=6),
    numbers.map(str),
    st.sampled_from(["²,0,0", "1e400", "nan", "-inf", "0x10", "0", "-1", "true", "1,2,3", "256,0,0", "١", "\udcff"]),
)
SPAWNED = [name for name in BLUEPRINTS if name not in MISSING_SENSORS and not name.startswith("sensor.camera")]
"""Cameras are in the server already; here they would only send megabytes of black."""


class Server(SocketlessServer):
    """A car with sensors that are read, a walker and a traffic light on a short road, and a recording."""

    def __init__(self, recording: str = "/dev/null") -> None:
        super().__init__()
        self.car = self.spawn("vehicle.tesla.model3")[0]
        self.walker = self.spawn("walker.pedestrian.0001", 120.0)[0]
        self.light = self.simulator.world.light_ids[0]
        for sensor in ("sensor.other.imu", "sensor.other.gnss", "sensor.other.collision"):
            self.listen(self.simulator.world.actor(self.spawn(sensor, parent=self.car)[0]).stream_id)
        small = {"image_size_x": 8, "image_size_y": 8}
        self.listen(self.simulator.world.actor(self.spawn("sensor.camera.rgb", parent=self.car, **small)[0]).stream_id)
        self.value("start_recorder", recording, True)


def ticks_on(server):
    """Whether the world goes on: a tick is answered, its snapshot is sent, and the recording is still written."""
    snapshots = server.listen(server.simulator.world_streams.present)
    server.value("tick_cue")
    assert len(snapshots.messages()) == 2  # the greeting and the tick's
    assert server.simulator.recordings.trouble == ""
    server.simulator.draw_pending()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_calls_with_any_arguments_are_answered_and_the_world_ticks_on(data):
    server = Server()
    names = st.sampled_from(sorted(set(server.methods) - SLOW_OR_WRITING))
    for _ in range(data.draw(st.integers(1, 4))):
        name, arguments = data.draw(names), data.draw(st.lists(values, max_size=4))
        if data.draw(st.booleans()):
            arguments = [data.draw(st.sampled_from([server.car, server.walker, server.light])), *arguments]
        kind, message_id, *_ = server.reply(name, arguments)
        assert (kind, message_id) == (1, 5)
    ticks_on(server)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_attributes_an_actor_is_spawned_with_it_is_refused_or_harms_no_tick(data):
    server = Server()
    blueprint = BLUEPRINTS[data.draw(st.sampled_from(SPAWNED))]
    names = st.sampled_from([attribute.name for attribute in blueprint.attributes]) | st.text(max_size=4)
    rows = data.draw(st.lists(st.tuples(names, st.integers(-1, 300), texts).map(list), max_size=4))
    uid = data.draw(st.integers(-1, 2**63))
    *_, error, result = server.reply("spawn_actor", [[uid, blueprint.type_id, rows], [[80.0, 1.75, 0.0], AHEAD]])
    assert error is None
    if result[0][0]:
        actor = server.simulator.world.actor(result[0][1][0])
        if actor.stream_id:
            server.listen(actor.stream_id)
        # Seconds of the densest scans are another test's affair (test_a_huge_scan_is_cut_to_what_memory_holds).
        if float(actor.attributes.get("points_per_second", 0)) > 1e6:
            return
    ticks_on(server)
    ticks_on(server)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            *("set_actor_transform", "set_actor_location", "set_actor_target_velocity", "add_actor_impulse"),
            *("set_actor_target_angular_velocity", "enable_actor_constant_velocity", "add_actor_force"),
            *("add_actor_angular_impulse", "add_actor_torque", "add_actor_impulse_at_location"),
        ]
    ),
    triples,
    triples,
)
def test_wild_motion_of_a_car_never_ends_the_world(name, first, second):
    server = Server()
    arguments = [[first, second]] if name == "set_actor_transform" else [first, second]
    server.reply(name, [server.car, *arguments] if name.endswith("at_location") else [server.car, arguments[0]])
    for _ in range(3):
        ticks_on(server)
    assert all(math.isfinite(part) for part in server.simulator.world.actors[server.car].pose)


def test_an_error_names_its_call():
    server = Server()
    assert "get_telemetry_data" in server.error("get_telemetry_data", 4_000_000)
    assert "no_such_call" in server.error("no_such_call")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_sensor_token", [-1]),
        ("get_sensor_token", [2**63]),
        ("get_sensor_token", [4_000_000]),
        ("get_sensor_token", [float("nan")]),
        ("apply_control_to_vehicle", [1, [float("nan"), 0.0, 0.0, False, False, False, 0]]),
        ("set_vehicle_light_state", [1, [float("inf")]]),
        ("get_actors_by_id", [[[1]]]),
    ],
)
def test_arguments_beyond_all_bounds_are_an_error_and_no_end_of_the_server(name, arguments):
    server = Server()
    assert server.error(name, *arguments)
    ticks_on(server)


def test_an_error_that_quotes_a_huge_argument_is_short():
    assert len(Server().error("get_telemetry_data", "x" * 1_000_000)) < 3000
