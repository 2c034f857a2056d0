"""`takeover rig`: inspect a rig before anybody sits in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.console import out

app = typer.Typer(help="Check a rig, draw it, and show test patterns on its screens.", no_args_is_help=True)
RigArgument = Annotated[str, typer.Argument(help="Name of a shipped rig, or the path of a rig file.")]


@app.command()
def check(
    rig: RigArgument,
    picture: Annotated[
        Path | None, typer.Option("--out", help="Draw it from above and from the eye into this .png or .svg.")
    ] = None,
) -> None:
    """Say what the driver will see: fields of view, pixels per degree, overlaps, holes, wasted pixels."""
    from cockpit.rig.report import RigFigures, figures_of
    from cockpit.rig.rig import load_rig

    loaded = load_rig(rig)
    figures: RigFigures = figures_of(loaded)
    table = Table(box=None, pad_edge=False)
    for title in ("screen", "sees", "pixels/degree (least, most)", "camera", "wasted"):
        table.add_column(title)
    for screen in figures.screens:
        middle, least, most = screen.pixels_per_degree
        table.add_row(
            screen.name,
            f"{screen.across_deg:.1f} x {screen.up_deg:.1f} deg",
            f"{middle:.1f} ({least:.1f}, {most:.1f})",
            f"{screen.camera_px[0]}x{screen.camera_px[1]} at {screen.camera_fov_deg:.1f} deg",
            f"{100 * screen.wasted:.0f} %",
        )
    out.print(table)
    for view in (mirror.view() for mirror in loaded.mirrors):
        out.print(f"mirror {view.screen.name}: {view.camera.width}x{view.camera.height}")
    out.print(f"all screens together: {figures.seen_deg2:.0f} square degrees")
    overlaps = [f"{a} and {b} {area:.0f} square degrees" for a, b, area in figures.overlaps]
    out.print(f"overlaps: {'; '.join(overlaps) or 'none'}")
    gaps = [f"{start:.1f} to {end:.1f} degrees" for start, end in figures.gaps_deg]
    out.print(f"gaps on the horizon: {'; '.join(gaps) or 'none'}")
    out.print(f"holes between screens: {figures.enclosed_deg2:.0f} square degrees")
    share = 100 * figures.wasted_px / figures.rendered_px
    out.print(f"rendered: {figures.rendered_px / 1e6:.2f} million pixels a frame, {share:.0f} % of them wasted")
    if any(loaded.head.reach_m()):
        reach = ", ".join(f"{metres:g}" for metres in loaded.head.reach_m())
        out.print(f"the eye may move by {reach} m (forward, aside, up): that is most of the waste")
    if picture is not None:
        _draw(loaded, picture)
        out.print(f"drawn: {picture}")


@app.command()
def pattern(
    rig: RigArgument,
    layout: Annotated[str, typer.Option(help="windows, panes or auto.")] = "auto",
    machine: Annotated[str | None, typer.Option(help="Show this follower's screens; without it, the others.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Close by itself after this long.")] = None,
) -> None:
    """Show a test pattern on every screen: grid, name, seams, greys, blend ramps. Escape closes it."""
    from PyQt6.QtCore import QTimer

    from app.gui.desktop import NO_DISPLAY, has_display, make_application
    from cockpit.config import ConfigError
    from cockpit.rig.rig import load_rig
    from cockpit.windows import DriverScreens
    from cockpit.windows.layout import Layout
    from cockpit.windows.pattern import pattern_image

    loaded = load_rig(rig)
    if layout not in list(Layout):
        raise ConfigError(f"layout '{layout}': choose one of {', '.join(Layout)}")
    if not has_display():
        raise OSError(NO_DISPLAY)
    application = make_application()
    if machine is not None and machine not in loaded.followers():
        there = ", ".join(loaded.followers()) or "none"
        raise ConfigError(f"no screen of rig '{loaded.name}' has machine: {machine}; followers of it: {there}")
    screens = DriverScreens(loaded.of_machine(machine), layout)
    for pane in screens.panes.values():
        pane.show_still(pattern_image(loaded, pane.content.part))
    screens.closed.connect(application.quit)
    screens.show()
    if seconds is not None:
        QTimer.singleShot(round(1000 * seconds), application.quit)
    application.exec()
    screens.close()


@app.command()
def curve(
    radius: Annotated[float, typer.Option(min=0.1, help="The monitor's radius, metres (1800R is 1.8).")],
    width: Annotated[float, typer.Option(min=0.05, help="Along the curve, metres.")],
    height: Annotated[float, typer.Option(min=0.05, help="Metres.")],
    distance: Annotated[float, typer.Option(min=0.05, help="From the rig's origin to the monitor's middle, metres.")],
) -> None:
    """Print the warp mesh of a curved monitor as CSV, for `warp:` in a rig file."""
    from cockpit.rig.surface import curved_monitor, mesh_text

    typer.echo(mesh_text(curved_monitor(radius, width, height, distance)), nl=False)


def _draw(rig: object, picture: Path) -> None:
    from app.cli.machine.rig_drawing import draw_rig
    from cockpit.config import ConfigError
    from cockpit.rig.rig import Rig

    assert isinstance(rig, Rig)  # noqa: S101  loaded above
    if picture.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ConfigError(f"--out {picture}: end the name in .png, .svg or .pdf")
    draw_rig(rig, picture)
