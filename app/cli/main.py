"""The `takeover` command: every part of the product from the shell.

Commands live in `app.cli`, one module per topic, and are assembled here. Only here are errors that a user can act on
turned into one message and an exit code.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from app.console import EXIT_FAILED, EXIT_USAGE, err

INTERRUPTED = 130
"""The exit code that shells use after Ctrl-C."""

COMMANDS = {
    "drive": ("app.cli.drive", "drive"),
    "round": ("app.cli.round", "round_"),
    "sim": ("app.cli.sim", "sim"),
    "screens": ("app.cli.screens", "screens"),
    "measures": ("app.cli.measures", "measures"),
    "evaluate": ("app.cli.evaluate", "evaluate"),
    "report": ("app.cli.report", "report"),
    "doctor": ("app.cli.machine.doctor", "doctor"),
    "calibrate": ("app.cli.machine.calibrate", "calibrate"),
    "rig": ("app.cli.machine.rig", "app"),
    "segments": ("app.cli.segments", "app"),
    "policy": ("app.cli.policy", "app"),
    "pairs": ("app.cli.pairs", "app"),
    "refine": ("app.cli.refine", "app"),
    "study": ("app.cli.study", "app"),
}
"""Each command's module, and what in it is the command: a function, or a Typer application with subcommands."""


class Commands(TyperGroup):
    """Imports a command's module only when that command is used.

    So `takeover sim --no-rendering` runs where Qt, OpenGL and OpenCV, which other commands need, are not installed.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the library's signature
        """Names, in the order in which `takeover --help` lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of that name; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        found = getattr(importlib.import_module(module), attribute)
        holder = typer.Typer()
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=cmd_name)
        else:
            holder.command(cmd_name)(found)
        return get_group(holder).commands[cmd_name]


app = typer.Typer(
    cls=Commands,
    help="Drive a VLA in CARLA, take over when it is about to fail, and retrain it on what you did.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
    from policy.vla.codebook import CodebookError
    from recorder.session import RecordingError
    from refine.errors import RefineError

    if isinstance(error, (ConfigError, RouteError)):
        return EXIT_USAGE
    failed = (
        *(DeviceError, SimulatorError, WorldError, MessageError),
        *(PolicyProcessError, CheckpointError, CodebookError, RecordingError, RefineError),
    )
    return EXIT_FAILED if isinstance(error, (*failed, OSError)) else None


if __name__ == "__main__":
    main()
