"""Waiting for a server that is late, but not for one that has ended.

CARLA's client cannot distinguish the two: a call to a dead server returns after its whole time-out. Here calls wait in
slices of `SessionConfig.tick_timeout_s`, and between two slices the port shows whether a server still listens.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

from cockpit.config import SessionConfig

PROBE_S = 0.5
POLL_S = 0.02

LOST_CALLBACKS_S = 1.5
"""When the server is gone, the client library's threads keep our callbacks until their next attempt to connect, a
second later. If Python ended before that, they would end the process with an abort."""
CALLBACKS_S = 0.2
"""How long callbacks under way are given after the last sensor was stopped. One of them that held the last reference to
the client would destroy it in the client's own thread, which ends the process (`std::terminate`)."""

T = TypeVar("T")


def is_listening(host: str, port: int) -> bool:
    """False when the port refuses connections: the server has ended. A network that is silent proves nothing."""
    try:
        socket.create_connection((host, port), PROBE_S).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True


def ask(config: SessionConfig, call: Callable[[], T]) -> T:
    """The result of `call`, which may be made again, however late within `config.timeout_s`.

    Raises:
        RuntimeError: the server is gone, or did not answer within that time; the error of CARLA's client.

    """
    deadline = time.monotonic() + config.timeout_s
    while True:
        try:
            return call()
        except RuntimeError:
            if time.monotonic() >= deadline or not is_listening(config.host, config.port):
                raise


def wait_until(config: SessionConfig, since: float, is_done: Callable[[], bool]) -> bool:
    """Wait until `is_done`, for at most `config.timeout_s` after `since` (monotonic seconds).

    False when that time is over or the server has ended.
    """
    probed = -1.0
    while not is_done():
        now = time.monotonic()
        if now - since >= config.timeout_s:
            return False
        if now - probed >= config.tick_timeout_s:
            probed = now
            if not is_listening(config.host, config.port):
                return False
        time.sleep(POLL_S)
    return True


def wait_for_callbacks(is_lost: bool) -> None:
    """Let the client library finish its callbacks; to be called after the last sensor of a client was stopped."""
    time.sleep(LOST_CALLBACKS_S if is_lost else CALLBACKS_S)
