"""`takeover measures`: how well people took over, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.segments import sessions_in
from app.console import err, out, progress_bar
from app.study.measure_tables import MeasureRow, measure_sessions, write_table
from app.study.measures import MeasureSettings

DEFAULTS = MeasureSettings()
SHOWN = (
    ("participant", "participant"),
    ("condition", "condition"),
    ("session", "session"),
    ("segment", "segment"),
    ("origin", "counted from"),
    ("take_over_time_s", "take-over s"),
    ("time_to_brake_s", "brake s"),
    ("time_to_steer_s", "steer s"),
    ("min_ttc_s", "min TTC s"),
    ("max_lateral_mps2", "lateral m/s²"),
    ("max_deceleration_mps2", "braking m/s²"),
    ("sdlp_m", "SDLP m"),
    ("steering_reversals_per_min", "reversals /min"),
    ("manual_s", "by hand s"),
)


def measures(
    folder: Annotated[Path, typer.Argument(help="A session's folder, or one that holds sessions (a whole study).")],
    target: Annotated[Path | None, typer.Option("--out", help="Write the table: FILE.csv or FILE.parquet.")] = None,
    hazard_ttc_s: Annotated[
        float, typer.Option(help="Without a request, the hazard begins where the time to collision falls to this.")
    ] = DEFAULTS.hazard_ttc_s,
    wheel_range_deg: Annotated[
        float, typer.Option(help="Wheel angle at full steering to one side.")
    ] = DEFAULTS.wheel_range_deg,
) -> None:
    """Takeover measures after ISO/TR 21959 and SAE J2944, one row each. The manual has the definitions."""
    settings = MeasureSettings(hazard_ttc_s=hazard_ttc_s, wheel_range_deg=wheel_range_deg)
    sessions = sessions_in(folder)
    with progress_bar() as progress:
        task = progress.add_task("measures", total=len(sessions), note="")
        rows, problems = measure_sessions(sessions, settings, lambda _: progress.advance(task))
    for problem in problems:
        err.print(f"left out: {problem}")
    out.print(_table(rows))
    if target is not None:
        write_table(rows, target)
        out.print(f"wrote {len(rows)} takeovers: {target}")


def _table(rows: list[MeasureRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    for _, heading in SHOWN:
        table.add_column(heading)
    for row in rows:
        cells = row.cells()
        table.add_row(*(_word(cells[name]) for name, _ in SHOWN))
    return table


def _word(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
