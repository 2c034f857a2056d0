"""Calls a TrafficManager that runs elsewhere, from a process of its own: `HOST PORT TM_PORT SEED ACTOR_ID...`.

Exit 0: the manager drives the vehicles now. Exit 3: none runs elsewhere; the client library would host it in the
calling process, which must then be the one that ticks (see `cockpit.traffic.manager`).
"""

from __future__ import annotations

import os
import sys

import carla
import psutil

from cockpit.traffic.manager import EXIT_OWN_MANAGER, manage

TIMEOUT_S = 20.0


def main(arguments: list[str]) -> int:
    """Register the vehicles with the manager; the exit code."""
    host, (port, tm_port, seed, *actor_ids) = arguments[0], [int(word) for word in arguments[1:]]
    client = carla.Client(host, port)
    client.set_timeout(TIMEOUT_S)
    world = client.get_world()
    client.get_trafficmanager(tm_port)
    if _listens(tm_port):
        return EXIT_OWN_MANAGER
    manage(client, world, tm_port, seed, actor_ids)
    return 0


def _listens(port: int) -> bool:
    """Whether this very process serves the port: the client library made a manager of its own."""
    sockets = psutil.Process().net_connections(kind="tcp")
    return any(s.status == psutil.CONN_LISTEN and s.laddr and s.laddr.port == port for s in sockets)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    sys.stderr.flush()
    os._exit(code)  # the client library's manager thread must not outlive its objects
