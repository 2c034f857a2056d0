"""`python -m sim`: the embedded simulator as a program that a CARLA 0.9.16 client connects to.

Prints one line, `ready PORT`, when both ports listen. Exit codes: 0 ended by a signal or with its parent, 2 the map
cannot be used, 3 a port is in use, 4 nothing can be drawn (without `--no-rendering`).
"""

from __future__ import annotations

from sim.arithmetic import use_common_arithmetic

if __name__ == "__main__":
    use_common_arithmetic()  # before numpy is imported

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from sim.kept import keep_results
from sim.map.aliases import default_aliases, find_named_map, parse_aliases
from sim.map.files import MapFile, MapFileError, shipped_map
from sim.simulator.drawing_process import DrawingProcess, NoGraphicsError

if TYPE_CHECKING:
    from pathlib import Path

    from sim.server import Server
    from sim.simulator.simulator import Simulator

log = logging.getLogger("sim")

EXIT_BAD_MAP = 2
EXIT_PORT_IN_USE = 3
EXIT_NO_DRAWING = 4
PARENT_POLL_S = 0.5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m sim", description="A simulator that speaks CARLA 0.9.16's protocol.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (0.0.0.0: all)")
    parser.add_argument(
        "--port", type=int, default=2000, help="RPC port; streams use the next one; 0 takes a free pair"
    )
    parser.add_argument("--map", default=None, help="OpenDRIVE file, shipped town or alias (default: Millbrook)")
    parser.add_argument(
        "--alias",
        action="append",
        default=[],
        metavar="NAME=MAP",
        help="another name for a map, as Town03=Kingsway; may be given several times",
    )
    parser.add_argument("--no-aliases", action="store_true", help="no names of CARLA's towns for the shipped ones")
    parser.add_argument("--seed", type=int, default=0, help="seed of the traffic")
    parser.add_argument("--no-rendering", action="store_true", help="cameras send black pictures; needs no OpenGL")
    mirrors = "a cabin's mirrors show what is behind; unless said, where a graphics card draws"
    parser.add_argument("--mirrors", action=argparse.BooleanOptionalAction, help=mirrors)
    parser.add_argument("--gpu", type=int, default=None, help="EGL device that draws (default: the first one)")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when the process that started it is gone")
    parser.add_argument("--verbose", action="store_true", help="log every failed call with its traceback")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    parent = os.getppid()  # read now: it may end before the town is built
    keep_results()
    args = _parser().parse_args(arguments)
    level = logging.DEBUG if args.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    faulthandler.register(signal.SIGUSR1)  # prints where the program is, to find out why it hangs
    try:
        aliases = ({} if args.no_aliases else default_aliases()) | parse_aliases(args.alias)
        start_map, map_file = find_named_map(args.map or str(shipped_map()), aliases)
    except MapFileError as error:
        log.error("%s", error)
        return EXIT_BAD_MAP
    drawer = None if args.no_rendering else DrawingProcess(args.gpu, args.mirrors)
    if drawer is not None:
        drawer.open(map_file.opendrive)  # it imports its modules and builds the town while we do
    try:
        return _run(args, start_map, map_file, aliases, drawer, parent)
    finally:
        if drawer is not None:
            drawer.close()


def _run(
    args: argparse.Namespace,
    start_map: Path,
    map_file: MapFile,
    aliases: dict[str, Path],
    drawer: DrawingProcess | None,
    parent: int,
) -> int:
    """Serve one map; returns the exit code."""
    # A second's work beside the start of the process that draws.
    from sim.map.network import MapError
    from sim.server import PortInUseError, Server, open_ports
    from sim.simulator.simulator import Simulator

    try:
        ports = open_ports(args.host, args.port)
    except PortInUseError as error:
        log.error("%s", error)
        return EXIT_PORT_IN_USE
    try:
        simulator = Simulator(map_file, args.seed, drawer)
        _wait_for_drawing(simulator, drawer)
    except MapError as error:
        log.error("map %s: %s", start_map, error)
        return EXIT_BAD_MAP
    except RuntimeError as error:
        log.error("%s", error)
        return EXIT_NO_DRAWING
    asyncio.run(_serve(Server(simulator, start_map, aliases), ports, parent if args.exit_with_parent else None))
    return 0


def _wait_for_drawing(simulator: Simulator, drawer: DrawingProcess | None) -> None:
    """So that the first camera's first picture comes at once. Raises RuntimeError when nothing can be drawn."""
    if drawer is None:
        return
    try:
        drawer.wait_until_open()
    except NoGraphicsError as error:
        log.warning("no renderer (%s): cameras send black pictures", error)
        simulator.frames.close()


async def _serve(server: Server, ports: tuple[socket.socket, socket.socket], parent: int | None) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, server.stop)
    watch = loop.create_task(_watch_parent(server, parent)) if parent is not None else None
    await server.run(*ports, on_ready=_say_ready)
    if watch is not None:
        watch.cancel()


def _say_ready(port: int) -> None:
    # A reader that has gone away is no reason to end: --exit-with-parent is.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"ready {port}\n")
        sys.stdout.flush()


async def _watch_parent(server: Server, parent: int) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_POLL_S)
    log.info("the process that started the simulator is gone: ending")
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
