"""Whatever arguments a call gets, it answers, and the world ticks on."""

import math

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.calls.world import WorldCalls
from sim.map.files import read_map, shipped_map
from sim.protocol.rpc import ReplyShape, Request, RpcConnection, answer
from sim.simulator.simulator import Simulator

SLOW_OR_WRITING = {"load_new_episode", "start_recorder", "cast_ray", "project_point", "get_all_level_BBs"} | {
    "get_environment_objects",
    "get_names_of_all_objects",
}
"""Left out: they build a map's world or scenery (a second each), or write files."""

numbers = st.floats() | st.floats(-1e13, 1e13) | st.integers(-(2**40), 2**70) | st.sampled_from([0, 1, 2, 20, 39, 40])
leaves = numbers | st.booleans() | st.none() | st.text(max_size=8) | st.binary(max_size=8)
triples = st.lists(st.floats(-1e12, 1e12), min_size=3, max_size=3)
values = st.recursive(leaves | triples, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


@pytest.fixture(scope="module")
def calls():
    simulator = Simulator(read_map(shipped_map()), 1, None)
    calls = WorldCalls(simulator, shipped_map())
    place = [[-86.0, -138.0, 0.0], [0.0, 0.0, 0.0]]
    far = [[-20.0, -138.0, 0.0], [0.0, 0.0, 0.0]]
    car = calls.spawn_calls.spawn([1, "vehicle.tesla.model3", []], place)[0]
    walker = calls.spawn_calls.spawn([1, "walker.pedestrian.0001", []], far)[0]
    return calls, (car, walker, simulator.world.light_ids[0])


def reply(calls, name, arguments):
    methods = calls.methods()
    plain = name in methods and methods[name].shape is ReplyShape.PLAIN_RPC
    params = list(arguments) if plain else [[False], *arguments]
    connection = RpcConnection(lambda _request: None)
    return msgpack.unpackb(answer(Request(connection, 5, name, params), methods), raw=False, strict_map_key=False)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_call_with_any_arguments_is_answered_and_the_world_ticks_on(calls, data):
    calls, ids = calls
    names = sorted(set(calls.methods()) - SLOW_OR_WRITING)
    name = data.draw(st.sampled_from(names))
    arguments = data.draw(st.lists(values, max_size=4))
    if data.draw(st.booleans()):
        arguments = [data.draw(st.sampled_from(ids)), *arguments]
    kind, message_id, *_ = reply(calls, name, arguments)
    assert (kind, message_id) == (1, 5)
    if name == "set_episode_settings":
        calls.simulator.settings = type(calls.simulator.settings)()
    calls.simulator.tick()


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
def test_wild_motion_of_a_car_never_ends_the_world(calls, name, first, second):
    calls, (car, _, _) = calls
    arguments = [[first, second]] if name == "set_actor_transform" else [first, second]
    reply(calls, name, [car, *arguments] if name.endswith("at_location") else [car, arguments[0]])
    for _ in range(3):
        calls.simulator.tick()
    assert all(math.isfinite(part) for part in calls.simulator.world.actors[car].pose)
    reply(calls, "disable_actor_constant_velocity", [car])


def test_an_error_names_its_call(calls):
    _, _, error, result = reply(calls[0], "get_telemetry_data", [4_000_000])
    assert error is None
    assert "get_telemetry_data" in result[0][1][0]
    _, _, error, _ = reply(calls[0], "no_such_call", [])
    assert "no_such_call" in error
