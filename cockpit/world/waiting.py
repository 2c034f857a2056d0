"""Waiting for a server: one that is late is waited for, one that is gone is not.

CARLA's client tells neither from the other: a call to a dead server returns after its whole time-out. Here calls wait
in slices of `SessionConfig.tick_timeout_s`, and between two slices the port says whether anybody still listens.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

from cockpit.config import SessionConfig

PROBE_S = 0.5
POLL_S = 0.02

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


def asked(config: SessionConfig, call: Callable[[], T]) -> T:
    """The answer to a question (a call that may be asked again), however late within `config.timeout_s`.

    Raises:
        RuntimeError: the server is gone, or did not answer within that time; what CARLA's client said.

    """
    deadline = time.monotonic() + config.timeout_s
    while True:
        try:
            return call()
        except RuntimeError:
            if time.monotonic() >= deadline or not is_listening(config.host, config.port):
                raise


def awaited(config: SessionConfig, since: float, is_done: Callable[[], bool]) -> bool:
    """Wait until `is_done`, for at most `config.timeout_s` after `since` (monotonic); False when it will not be."""
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
