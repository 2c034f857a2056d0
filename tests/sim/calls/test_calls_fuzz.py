"""Whatever arguments a call gets, it is answered, and the world ticks on."""

import math

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.calls.dispatch import methods
from sim.calls.spawning import spawn
from sim.calls.table import Context
from sim.map.files import MapFile, shipped_map
from sim.protocol.rpc import ReplyShape, Request, RpcConnection, answer
from sim.simulator.simulator import Simulator
from tests.sim.map.small_roads import two_part_road

SLOW_OR_WRITING = {"load_new_episode", "start_recorder", "cast_ray", "project_point", "get_all_level_BBs"} | {
    "get_environment_objects",
    "get_names_of_all_objects",
}
"""Left out: they build a map's world or scenery (a second each), or write files."""

numbers = st.floats() | st.floats(-1e13, 1e13) | st.integers(-(2**40), 2**70) | st.sampled_from([0, 1, 2, 20, 39, 40])
leaves = numbers | st.booleans() | st.none() | st.text(max_size=8) | st.binary(max_size=8)
triples = st.lists(st.floats(-1e12, 1e12), min_size=3, max_size=3)
values = st.recursive(leaves | triples, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


TOWN = MapFile("two_parts", two_part_road(200.0, light_at_m=150.0))
"""Small, because every example gets a new world, so that no example depends on another."""


class Server:
    """A server without sockets: a car, a walker and a traffic light on a short road."""

    def __init__(self) -> None:
        self.simulator = Simulator(TOWN, 1, None)
        context = Context(self.simulator, shipped_map())
        self.methods = methods(context)
        turn = [0.0, 0.0, 0.0]
        self.car = spawn(context, [1, "vehicle.tesla.model3", []], [[50.0, 1.75, 0.0], turn])[0]
        self.walker = spawn(context, [1, "walker.pedestrian.0001", []], [[120.0, 1.75, 0.0], turn])[0]
        self.light = self.simulator.world.light_ids[0]

    def reply(self, name, arguments):
        plain = name in self.methods and self.methods[name].shape is ReplyShape.PLAIN_RPC
        params = list(arguments) if plain else [[False], *arguments]
        request = Request(RpcConnection(lambda _request: None), 5, name, params)
        return msgpack.unpackb(answer(request, self.methods), raw=False, strict_map_key=False)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_call_with_any_arguments_is_answered_and_the_world_ticks_on(data):
    server = Server()
    name = data.draw(st.sampled_from(sorted(set(server.methods) - SLOW_OR_WRITING)))
    arguments = data.draw(st.lists(values, max_size=4))
    if data.draw(st.booleans()):
        arguments = [data.draw(st.sampled_from([server.car, server.walker, server.light])), *arguments]
    kind, message_id, *_ = server.reply(name, arguments)
    assert (kind, message_id) == (1, 5)
    server.simulator.tick()


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
        server.simulator.tick()
    assert all(math.isfinite(part) for part in server.simulator.world.actors[server.car].pose)


def test_an_error_names_its_call():
    server = Server()
    _, _, error, result = server.reply("get_telemetry_data", [4_000_000])
    assert error is None
    assert "get_telemetry_data" in result[0][1][0]
    _, _, error, _ = server.reply("no_such_call", [])
    assert "no_such_call" in error
