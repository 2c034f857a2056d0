"""The table of calls: one handler a name, and what is passed to a handler besides its arguments."""

from types import SimpleNamespace

import msgpack
import pytest

from sim.calls.dispatch import methods
from sim.calls.table import CALLS, COMMANDS, call
from sim.protocol.rpc import Request, answer


def test_a_name_and_a_command_have_one_handler():
    with pytest.raises(ValueError, match="version"):

        @call("version")
        def another_version(_context): ...

    with pytest.raises(ValueError, match="16"):

        @call(command=16)
        def another_autopilot(_context, _actor_id): ...


def test_every_command_of_a_batch_has_a_handler():
    assert sorted(COMMANDS) == list(range(1, 22))  # 0 spawns: it holds further commands


def test_a_desired_speed_is_the_same_to_the_last_bit_in_every_version():
    """Drives are repeated bit for bit: 37 * (1 / 3.6) is not 37 / 3.6."""
    kept = {}
    context = SimpleNamespace(
        world=SimpleNamespace(vehicles={7}), traffic=SimpleNamespace(set_desired_speed=kept.__setitem__)
    )
    CALLS["set_desired_speed"].run(context, [7], 37.0)
    assert kept[7] == 37.0 * (1.0 / 3.6)


def test_every_caller_gets_the_address_by_which_it_reached_the_server():
    table = methods(SimpleNamespace())
    for address in (("127.0.0.1", 2000), ("192.168.0.7", 2000)):
        caller = SimpleNamespace(local_address=address)
        reply = answer(Request(caller, 1, "get_traffic_manager_running", [[False], 8000]), table)
        assert msgpack.unpackb(reply)[3] == [[1, list(address)]]
