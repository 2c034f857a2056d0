"""`takeover sim`: the embedded simulator by itself, for any CARLA client."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def sim(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="RPC port; streaming takes the next one. 0 picks a free pair.")] = 2000,
    town: Annotated[str | None, typer.Option("--map", help="OpenDRIVE file, shipped town or alias.")] = None,
    alias: Annotated[
        list[str] | None, typer.Option(metavar="NAME=MAP", help="Another name for a map: Town03=Kingsway. Repeatable.")
    ] = None,
    aliases: Annotated[bool, typer.Option(help="Know the shipped towns by the names of CARLA's towns, too.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of traffic and scenery.")] = 0,
    rendering: Annotated[bool, typer.Option(help="Draw cameras; without, they stay black and cost nothing.")] = True,
    mirrors: Annotated[
        bool | None,
        typer.Option("--mirrors/--no-mirrors", help="A cabin's mirrors show what is behind [with a graphics card]."),
    ] = None,
) -> None:
    """Start the embedded simulator; prints `ready PORT` when clients can connect. Ctrl-C ends it."""
    arguments = ["--host", host, "--port", str(port), "--seed", str(seed)]
    if town is not None:
        arguments += ["--map", town]
    for pair in alias or ():
        arguments += ["--alias", pair]
    if not aliases:
        arguments.append("--no-aliases")
    if not rendering:
        arguments.append("--no-rendering")
    if mirrors is not None:
        arguments.append("--mirrors" if mirrors else "--no-mirrors")
    # The simulator is a program behind two ports: this process becomes it.
    os.execv(sys.executable, [sys.executable, "-m", "sim", *arguments])  # noqa: S606
