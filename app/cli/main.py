"""The `takeover` command: every part of the product from the shell.

Commands live in `app.cli`, one module per topic, and are assembled here. Only here are errors that a user can act on
turned into one message and an exit code.
"""

from __future__ import annotations

import logging
import os
import sys

import typer

from app.cli import drive, evaluate, measures, pairs, refine, report, screens, segments, sim, study
from app.cli import round as round_command
from app.cli.machine import calibrate, doctor, rig
from app.console import EXIT_FAILED, EXIT_USAGE, err

INTERRUPTED = 130
"""The exit code that shells use after Ctrl-C."""

app = typer.Typer(
    help="Drive a VLA in CARLA, take over when it is about to fail, and retrain it on what you did.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(drive.drive)
app.command("round")(round_command.round_)
app.command()(sim.sim)
app.command()(screens.screens)
app.add_typer(rig.app, name="rig")
app.add_typer(segments.app, name="segments")
app.add_typer(pairs.app, name="pairs")
app.add_typer(refine.app, name="refine")
app.add_typer(study.app, name="study")
app.command()(measures.measures)
app.command()(evaluate.evaluate)
app.command()(report.report)
app.command()(doctor.doctor)
app.command()(calibrate.calibrate)


@app.callback()
def options(verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what the parts do.")) -> None:
    """Set up logging."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )


def main() -> None:
    """Run the command line; exits 0 when all went well, 1 when something failed, 2 when the request was wrong."""
    try:
        app()
    except KeyboardInterrupt:
        err.print("interrupted; what was recorded so far is kept")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has closed it (`| head`): nothing more is printed, and nothing may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        err.print(f"[bold red]error:[/] {error}", markup=True)
        sys.exit(code)


def exit_code(error: Exception) -> int | None:
    """The exit code of an error that a user can act on; None for a defect, whose traceback is printed."""
    from cockpit.config import ConfigError
    from cockpit.devices import DeviceError
    from cockpit.followers.messages import MessageError
    from cockpit.route.planning import RouteError
    from cockpit.world.errors import WorldError
    from cockpit.world.simulator import SimulatorError
    from policy.serving.process import PolicyProcessError
    from policy.vla.checkpoint import CheckpointError
    from recorder.session import RecordingError
    from refine.errors import RefineError

    if isinstance(error, (ConfigError, RouteError)):
        return EXIT_USAGE
    failed = (
        *(DeviceError, SimulatorError, WorldError, MessageError),
        *(PolicyProcessError, CheckpointError, RecordingError, RefineError),
    )
    return EXIT_FAILED if isinstance(error, (*failed, OSError)) else None


if __name__ == "__main__":
    main()
