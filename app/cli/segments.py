"""`takeover segments`: list, show, verify and export what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.console import EXIT_FAILED, out, progress_bar
from recorder.export.hdf5 import export_hdf5, export_trajectories
from recorder.reading.reader import Segment, list_segments
from recorder.reading.verify import verify_session
from recorder.session import SESSION_FILE, RecordingError

app = typer.Typer(help="Recorded takeovers: list, show, verify, export.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="A session's folder, or one that holds sessions.", show_default=True)]


def sessions_in(folder: Path) -> list[Path]:
    """Session folders at or anywhere below `folder`, in order. Raises RecordingError when there is none."""
    if (folder / SESSION_FILE).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.rglob(SESSION_FILE)) if folder.is_dir() else []
    if not found:
        raise RecordingError(f"{folder} holds no recorded session; `make run` or `takeover drive` makes one")
    return found


@app.command("list")
def list_command(folder: Folder = Path("runs")) -> None:
    """List every takeover segment: when, why, who drove, how long."""
    table = Table(box=None, pad_edge=False)
    for heading in ("segment", "takeover at", "reason", "driver", "by hand", "length", "driven", "state", "why"):
        table.add_column(heading)
    for session in sessions_in(folder):
        for item in list_segments(session):
            state = "complete" if item.complete else f"[yellow]{item.ended_by or 'unfinished'}[/]"
            table.add_row(
                str(item.path),
                f"{item.takeover_time_s:.1f} s",
                item.reason.value,
                item.driver.value,
                f"{item.human_s:.1f} s",
                f"{item.duration_s:.1f} s",
                f"{item.distance_m:.0f} m",
                state,
                item.note or item.error,
            )
    out.print(table)


@app.command()
def show(segment: Annotated[Path, typer.Argument(help="A segment's folder (NNNN.zarr).")]) -> None:
    """Show one segment: what happened in it, second by second."""
    opened = Segment.open(segment)
    item = opened.summary()
    out.print(f"[bold]{segment}[/]: {item.ticks} ticks, {item.duration_s:.1f} s, cameras: {', '.join(opened.cameras)}")
    out.print(f"takeover at {item.takeover_time_s:.2f} s by {item.driver.value}: {item.reason.value} {item.note}")
    if not len(opened):
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("time", "authority", "km/h", "steer", "throttle", "brake", "policy said", "driver said"):
        table.add_column(heading)
    time_s = opened.column("time_s")
    every = max(1, round(0.5 / float(time_s[1] - time_s[0]))) if len(time_s) > 1 else 1
    for index in range(0, len(opened), every):
        tick = opened.tick(index)
        said = (tick.plan.direction, tick.plan.speed) if tick.plan else ()
        table.add_row(
            f"{tick.time_s - item.takeover_time_s:+.1f} s",
            tick.authority.authority.value,
            f"{tick.ego.speed_mps * 3.6:.0f}",
            f"{tick.control.steer:+.2f}",
            f"{tick.control.throttle:.2f}",
            f"{tick.control.brake:.2f}",
            ", ".join(word for word in said if word is not None) or "-",
            tick.driver.note,
        )
    out.print(table)


@app.command()
def verify(folder: Folder = Path("runs")) -> None:
    """Check every session below FOLDER: counts, order, pictures. Exit code 1 when something is wrong."""
    problems = 0
    sessions = sessions_in(folder)
    with progress_bar() as progress:
        task = progress.add_task("verify", total=len(sessions), note="")
        for session in sessions:
            for problem in verify_session(session):
                problems += 1
                out.print(str(problem))
            progress.advance(task)
    out.print(f"{len(sessions)} sessions, {problems} problems")
    if problems:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def export(
    segment: Annotated[Path, typer.Argument(help="A segment's folder (NNNN.zarr).")],
    target: Annotated[Path, typer.Argument(help="HDF5 file to write.")],
) -> None:
    """Copy one segment into an HDF5 file, for tools that read nothing else."""
    export_hdf5(Segment.open(segment), target)
    out.print(f"wrote {target}")


@app.command()
def trajectories(
    segment: Annotated[Path, typer.Argument(help="A segment's folder (NNNN.zarr).")],
    target: Annotated[Path, typer.Argument(help="CSV file to write.")],
    moved: Annotated[float, typer.Option(help="Leave out who moved less than this, metres.")] = 0.0,
) -> None:
    """Write where every other road user of a segment was, to be replayed as background traffic."""
    count = export_trajectories(Segment.open(segment), target, moved_m=moved)
    out.print(f"wrote {count} trajectories to {target}")
