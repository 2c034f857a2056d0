"""Memory stays flat while actors are spawned, sense and are destroyed.

`python -m benchmarks.soak --churn 2` shows it for two simulated hours.
"""

import os

import psutil

from benchmarks.soak import churn_round
from tests.sim.server.server_process import client_of, serving, synchronous_world

MEGABYTE = 1 << 20


def server_of(port):
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return next(p for p in mine if any(c.laddr.port == port for c in p.net_connections("tcp") if c.status == "LISTEN"))


def test_memory_is_flat_while_actors_are_spawned_sense_and_are_destroyed():
    with serving() as port:
        process, world = server_of(port), synchronous_world(client_of(port))

        def resident_after(rounds):
            for number in range(rounds):
                churn_round(world, number)
            return process.memory_info().rss

        begin = resident_after(40)
        middle = resident_after(80)
        end = resident_after(80)
    # The last 10,000 dead actors are remembered, some 5 KB each: 2 MB in each half. A leak of a round's pictures and
    # scans (66 KB) would be 5 MB more.
    assert middle - begin < 6 * MEGABYTE
    assert end - middle < 5 * MEGABYTE
