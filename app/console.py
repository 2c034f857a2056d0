"""Output of the command line: the consoles, the progress bar and the exit codes.

Results go to standard output; progress and messages to standard error, so that output can be piped.
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

EXIT_FAILED = 1
"""Something that should have worked did not."""
EXIT_USAGE = 2
"""The command line or a settings file is wrong."""


def progress_bar() -> Progress:
    """A progress bar on standard error; without a terminal only its last state is printed."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=err,
        refresh_per_second=4,
    )
