"""A server of the egodriver contract around a driver, until it is told to end; without the library, a message.

The server listens at this machine's own address unless told otherwise: whoever reaches it may ask for plans.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy.egodriver.address import EgodriverAddress, EgodriverError

LOCAL_HOST = "127.0.0.1"
MOST_CALLS = 8
"""Calls answered at the same time."""


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    name: str
    address: EgodriverAddress

    def wait(self) -> None:
        """Until SIGINT or SIGTERM; in the main thread."""
        ended = threading.Event()
        before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
        try:
            with contextlib.suppress(KeyboardInterrupt):
                ended.wait()
        finally:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def serving(driver: Any, host: str = LOCAL_HOST, port: int = 0, is_alpasim: bool = False) -> Iterator[Served]:
    """Serve a `BaseDriver` for as long as the block lasts. Raises EgodriverError where the port cannot be had."""
    from carla_driver_interface.server import build_server

    try:
        _check_free(host, port)
        server, bound = build_server(driver, port, host, MOST_CALLS, "alpasim" if is_alpasim else "carla")
    except (RuntimeError, OSError) as error:
        raise EgodriverError(f"no server can listen at {host}:{port} ({error}); choose another --port") from error
    server.start()
    try:
        yield Served(driver.name, EgodriverAddress(host, bound))
    finally:
        server.stop(grace=1.0).wait()


@contextlib.contextmanager
def serving_policy(
    folder: Path,
    adapter: Path | None = None,
    host: str = LOCAL_HOST,
    port: int = 0,
    samples: int = 0,
    threads: int = 1,
    is_alpasim: bool = False,
) -> Iterator[Served]:
    """Load a policy and serve it. Raises EgodriverError (no library, no port) and CheckpointError."""
    require_library("takeover policy serve")
    import torch

    from policy.egodriver.served import ServedPolicy
    from policy.vla.model import Vla

    torch.set_num_threads(threads)
    with serving(ServedPolicy(Vla.load(folder, adapter), samples), host, port, is_alpasim) as served:
        yield served


def _check_free(host: str, port: int) -> None:
    """Raises OSError where something listens there already: gRPC would share the port and answer every other call."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind((host, port))


def require_library(what: str) -> None:
    """Raises EgodriverError that says what to install where the contract's library is missing."""
    try:
        import carla_driver_interface.contract  # noqa: F401
    except ImportError as error:
        raise EgodriverError(
            f"{what} needs the library carla-driver-interface ({error}); pip install 'takeover[egodriver]'"
        ) from error
