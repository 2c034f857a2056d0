"""`takeover screens`: this machine shows its part of a rig whose drive runs on another machine."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from app.console import out as console
from cockpit.config import ConfigError

DEFAULT_PORT = 2100


def screens(
    follow: Annotated[str, typer.Option(help="HOST or HOST:PORT of the machine that drives (`machines:` in its rig).")],
    machine: Annotated[
        str | None, typer.Option(help="What the rig calls this machine [its host name].", show_default=False)
    ] = None,
    layout: Annotated[str, typer.Option(help="windows, panes or auto.")] = "auto",
    once: Annotated[bool, typer.Option("--once", help="End with the first drive instead of waiting for more.")] = False,
    frame_codes: Annotated[bool, typer.Option("--frame-codes", help="Draw frame ids as blocks, to measure.")] = False,
) -> None:
    """Show this machine's screens of a drive on another machine; waits for it, and for the next one. Ctrl-C ends it.

    Exit code 0 when it was ended, 1 when the session's CARLA server cannot be used from here, 2 when the session
    refuses this machine or its displays do not fit.
    """
    from app.gui.desktop import NO_DISPLAY, has_display
    from app.gui.followed_screens import follow_drives
    from cockpit.windows.layout import Layout

    if layout not in list(Layout):
        raise ConfigError(f"layout '{layout}': choose one of {', '.join(Layout)}")
    if not has_display():
        raise OSError(NO_DISPLAY)
    name = machine or socket.gethostname()
    address = address_in(follow)
    console.print(f"'{name}' waits for a drive at {address[0]}:{address[1]}; Ctrl-C ends it")
    raise typer.Exit(follow_drives(address, name, layout, once, frame_codes))


def address_in(text: str) -> tuple[str, int]:
    """Host and port of `HOST` or `HOST:PORT`.

    Raises:
        ConfigError: the port is none.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, DEFAULT_PORT
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"--follow {text}: give HOST or HOST:PORT, e.g. 192.168.1.10:{DEFAULT_PORT}")
    return host, int(port)
