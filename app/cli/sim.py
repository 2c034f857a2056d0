"""`takeover sim`: the embedded simulator by itself, for any CARLA client."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def sim(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="RPC port; streaming takes the next one. 0 picks a free pair.")] = 2000,
    town: Annotated[str | None, typer.Option("--map", help="OpenDRIVE file or shipped town (millbrook).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of traffic and scenery.")] = 0,
    rendering: Annotated[bool, typer.Option(help="Draw cameras; without, they stay black and cost nothing.")] = True,
) -> None:
    """Start the embedded simulator; prints `ready PORT` when clients can connect. Ctrl-C ends it."""
    arguments = ["--host", host, "--port", str(port), "--seed", str(seed)]
    if town is not None:
        arguments += ["--map", town]
    if not rendering:
        arguments.append("--no-rendering")
    # The simulator is a program behind two ports: this process becomes it.
    os.execv(sys.executable, [sys.executable, "-m", "sim", *arguments])  # noqa: S606
