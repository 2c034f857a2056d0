"""`takeover drive`: the application, ready to drive."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from app.config import DriverChoice, RunConfig, load_run_config
from app.console import out as console
from app.console import progress_bar
from app.drive.running_session import build_session
from app.study.study import Study, Trial, is_study_file, load_study, next_trial
from cockpit.config import ConfigError
from cockpit.devices import DeviceError
from recorder.schema import Tick
from recorder.session import RecordingError

OWN_OPTIONS = ("config", "start", "headless")
"""Options of the command itself; every other option overrides the setting of the same name."""


def drive(
    config: Annotated[Path | None, typer.Option(help="Settings of the drive (YAML); the options below win.")] = None,
    rig: Annotated[str | None, typer.Option(help="Shipped rig or a rig file.")] = None,
    host: Annotated[str | None, typer.Option(help="A CARLA server; without it the embedded simulator starts.")] = None,
    port: Annotated[int | None, typer.Option(help="Its RPC port [2000].")] = None,
    town: Annotated[str | None, typer.Option(help="Shipped town, OpenDRIVE file, or the server's map.")] = None,
    route_file: Annotated[Path | None, typer.Option(help="Routes (leaderboard XML); else a random one.")] = None,
    route_id: Annotated[str | None, typer.Option(help="Which of them.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Its folder, agent:FILE or grpc://HOST:PORT.")] = None,
    adapter: Annotated[Path | None, typer.Option(help="A LoRA adapter on top of it.")] = None,
    agent_config: Annotated[Path | None, typer.Option(help="What the agent's setup() reads.")] = None,
    agent_python: Annotated[Path | None, typer.Option(help="The interpreter with the agent's packages.")] = None,
    as_egodriver: Annotated[int | None, typer.Option(help="Drive in a foreign loop: the port it calls.")] = None,
    driver: Annotated[DriverChoice | None, typer.Option(help="Who takes over.")] = None,
    device: Annotated[str | None, typer.Option(help="Which wheel: /dev/input/eventN or a profile.")] = None,
    traffic: Annotated[int | None, typer.Option(help="Vehicles around the ego.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Replay recorded traffic (CSV) instead.")] = None,
    weather: Annotated[str | None, typer.Option(help="A preset such as ClearNoon or WetSunset.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of route and traffic.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where sessions are recorded [runs].")] = None,
    start: Annotated[bool, typer.Option("--start", help="Start driving at once.")] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help="Drive without any window, at the wall clock's pace.")
    ] = False,
) -> None:
    """Open the application with these settings; nothing drives until you press Start.

    The settings' file may be a study's, too (`takeover study`): its first trial that is not done comes next.

    Exit code 0 when the window was closed, 1 when there is no display or the drive failed, 2 for wrong settings.
    """
    given = {name: value for name, value in locals().items() if name not in OWN_OPTIONS and value is not None}
    study = load_study(config) if config is not None and is_study_file(config) else None
    if study is not None:
        study = study.model_copy(update={"drive": merged(study.drive, given)})
        trial = next_trial(study)
        if headless and trial is not None:
            drive_headless(trial.config, trial)
        elif headless:
            console.print(f"{study.participant} has driven all {len(study.trials())} trials")
        else:
            open_window(study, start)
        return
    settings = merged(load_run_config(config) if config else RunConfig(), given)
    if headless:
        drive_headless(settings)
        return
    open_window(settings, start)


def open_window(settings: RunConfig | Study, start: bool = False) -> None:
    """The application with these settings, until it is closed. Raises OSError where there is no display."""
    from app.gui.window import NO_DISPLAY, has_display, run_app  # Qt is loaded only where windows are needed

    if not has_display():
        raise OSError(NO_DISPLAY)
    # Wrong settings are reported here, before any window; a wheel that is not plugged in yet can be chosen there.
    study = settings if isinstance(settings, Study) else None
    configs = [settings] if isinstance(settings, RunConfig) else [trial.config for trial in settings.trials()]
    for config in configs:
        with contextlib.suppress(DeviceError):
            build_session(config).close()
    raise typer.Exit(run_app(configs[0] if study is None else study.drive, starts_driving=start, study=study))


def drive_headless(settings: RunConfig, trial: Trial | None = None) -> None:
    """Drive to the end of the route with a progress bar instead of windows."""
    drive = build_session(settings, trial)
    with progress_bar() as progress:
        drive.add_consumer(ProgressConsumer(progress))
        result = drive.run()
    status = drive.status()
    if result is not None:
        console.print(
            f"{status.message}: {result.distance_m:.0f} m in {result.sim_time_s:.0f} s, {result.takeovers} takeovers"
        )
    if status.folder is not None:
        console.print(f"recorded: {status.folder}")
    if status.recorder is not None and status.recorder.error:
        raise RecordingError(status.recorder.error)


class ProgressConsumer:
    """A `TickConsumer` that moves a progress bar along the route."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("drive (m)", total=None, note="")

    def consume(self, tick: Tick) -> None:
        """Show how far the ego has driven, and who drives it."""
        note = f"{tick.authority.authority.value}  {tick.ego.speed_mps * 3.6:.0f} km/h"
        route = tick.route
        self.progress.update(self.task, completed=round(route.driven_m), total=round(route.length_m), note=note)

    def close(self) -> None:
        """Nothing to finish."""


def merged(config: RunConfig, given: dict[str, object]) -> RunConfig:
    """`config` with the options given on the command line. Raises ConfigError when they do not fit."""
    try:
        return RunConfig.model_validate(config.model_dump() | given)
    except ValueError as error:
        raise ConfigError(f"the options do not fit: {error}") from error
