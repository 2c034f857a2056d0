"""`takeover drive`: the application, ready to drive."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.config import DriverChoice, RunConfig, load_run_config
from app.console import EXIT_FAILED, err
from cockpit.config import ConfigError


def drive(
    config: Annotated[Path | None, typer.Option(help="Settings of the drive (YAML); the options below win.")] = None,
    rig: Annotated[str | None, typer.Option(help="Shipped rig or a rig file.")] = None,
    host: Annotated[str | None, typer.Option(help="A CARLA server; without it the embedded simulator starts.")] = None,
    port: Annotated[int | None, typer.Option(help="Its RPC port [2000].")] = None,
    town: Annotated[str | None, typer.Option(help="Shipped town, OpenDRIVE file, or the server's map.")] = None,
    route_file: Annotated[Path | None, typer.Option(help="Routes (leaderboard XML); else a random one.")] = None,
    route_id: Annotated[str | None, typer.Option(help="Which of them.")] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy's folder.")] = None,
    adapter: Annotated[Path | None, typer.Option(help="A LoRA adapter on top of it.")] = None,
    driver: Annotated[DriverChoice | None, typer.Option(help="Who takes over.")] = None,
    device: Annotated[str | None, typer.Option(help="Which wheel: /dev/input/eventN or a profile.")] = None,
    traffic: Annotated[int | None, typer.Option(help="Vehicles around the ego.")] = None,
    weather: Annotated[str | None, typer.Option(help="A preset such as ClearNoon or WetSunset.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of route and traffic.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where sessions are recorded [runs].")] = None,
) -> None:
    """Open the application with these settings; nothing drives until you press Start.

    Exit code 0 when the window was closed, 1 when there is no display, 2 for wrong settings.
    """
    given = {name: value for name, value in locals().items() if name != "config" and value is not None}
    settings = merged(load_run_config(config) if config else RunConfig(), given)
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM")):
        err.print("there is no display to open windows on. `takeover round` drives without one.")
        raise typer.Exit(EXIT_FAILED)
    from app.window import run_app  # Qt is loaded only where windows are wanted

    raise typer.Exit(run_app(settings))


def merged(config: RunConfig, given: dict[str, object]) -> RunConfig:
    """`config` with the options given on the command line. Raises ConfigError when they do not fit."""
    try:
        return RunConfig.model_validate(config.model_dump() | given)
    except ValueError as error:
        raise ConfigError(f"the options do not fit: {error}") from error
