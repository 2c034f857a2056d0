"""A follower: joins a session's hub, gets the rig, and feeds this machine's screens with its own cameras' pictures.

`Follower.run` follows one drive from beginning to end in the calling thread. A frame is shown when the hub releases it,
and only if all of this machine's pictures of it were here by then; otherwise it is skipped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import carla

from cockpit.config import ConfigError, SessionConfig
from cockpit.followers.cameras import FollowerCameras
from cockpit.followers.messages import (
    LONGEST_LINE,
    VERSION,
    Kind,
    MessageError,
    ego_id_in,
    ego_pose_in,
    line_from,
    message_in,
    rig_from_content,
    tick_from_content,
)
from cockpit.rig.projection import Vector3, camera_for_eye
from cockpit.rig.rig import Rig
from cockpit.world.errors import WorldError
from cockpit.world.server import connect
from recorder.schema import Tick

log = logging.getLogger(__name__)

CONNECT_S = 2.0
CALL_S = 3.0
"""Time-out of calls to the CARLA server: at the end of a drive it may go before this machine has tidied up."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class FollowerScreens(Protocol):
    """The windows of a follower."""

    def consume(self, tick: Tick) -> None:
        """Show the tick; never blocks."""
        ...

    def show_paused(self, is_paused: bool) -> None:
        """Say whether the world stands still; from any thread."""
        ...

    def close(self) -> None:
        """Close them; from any thread."""
        ...


class Refused(ConfigError):  # noqa: N818  what the hub did
    """The hub did not let this machine join; the text is the hub's reason."""


class Follower:
    """Shows this machine's screens of one session after the other."""

    def __init__(
        self, address: tuple[str, int], machine: str, open_screens: Callable[[Rig, Follower], FollowerScreens]
    ) -> None:
        """`open_screens` is called with this machine's part of the rig when a session has begun."""
        self.address, self.machine = address, machine
        self.eye_m: Vector3 | None = None
        """The tracked eye as the hub sent it last; None while it is at rest."""
        self.shown_count = 0
        self.skipped_count = 0
        """Released frames whose pictures were not all here."""
        self._open_screens = open_screens
        self._lock, self._speaking = threading.Lock(), threading.Lock()
        self._socket: socket.socket | None = None
        self._screens: FollowerScreens | None = None
        self._cameras: FollowerCameras | None = None
        self._client: carla.Client | None = None
        self._world: carla.World | None = None
        self._rig: Rig | None = None
        self._content: dict[str, Any] | None = None
        """Content of the newest tick."""
        self._ready_frame = -1
        self._stop = threading.Event()

    def run(self) -> str | None:
        """Follow one drive; how it ended, or None when nobody listens there (yet).

        Raises:
            Refused: the hub refuses this machine.
            MessageError: what answers there is no hub of this release.
            WorldError: the session's CARLA server cannot be used from here.
            ConfigError: the screens do not fit this machine's displays.
        """
        try:
            made = socket.create_connection(self.address, CONNECT_S)
        except OSError:
            return None
        made.settimeout(None)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with made, tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            self._socket = made
            stack.callback(self._leave)
            self._say(Kind.JOIN, machine=self.machine, version=VERSION)
            with contextlib.suppress(OSError), made.makefile("rb") as lines:
                while not self._stop.is_set() and (line := lines.readline(LONGEST_LINE)):
                    kind, content = message_in(line)
                    if kind is Kind.END:
                        return str(content.get("text", ""))
                    self._take(kind, content, Path(folder))
        return "stopped" if self._stop.is_set() else "the session is gone"

    def stop(self) -> None:
        """Leave the session; from any thread."""
        self._stop.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def note_shown(self, frame: int) -> None:
        """To be called by the windows when all of them show `frame`."""
        self._say(Kind.SHOWN, frame=frame)

    def _take(self, kind: Kind, content: dict[str, Any], folder: Path) -> None:
        if kind is Kind.REFUSED:
            raise Refused(str(content.get("text", "no reason given")))
        if kind is Kind.RIG:
            self._begin(content, folder)
        elif self._screens is None or self._rig is None:
            raise MessageError(f"'{kind}' came before the rig")
        elif kind is Kind.TICK:
            self._take_tick(self._rig, content)
        elif kind is Kind.EYE:
            self._take_eye(content["eye"])
        elif kind is Kind.RELEASE:
            self._show(self._screens, int(content["frame"]))
        elif kind is Kind.PAUSED:
            self._screens.show_paused(bool(content["is_paused"]))

    def _begin(self, content: dict[str, Any], folder: Path) -> None:
        """The rig: open the windows, and find the world."""
        self._rig = rig_from_content(content, folder).of_machine(self.machine)
        host, port = str(content["world"][0]), int(content["world"][1])
        if host in LOOPBACK:  # the hub's own machine, which may be another one than this
            host = self.address[0]
        self._client = connect(SessionConfig(host=host, port=port))
        try:
            self._world = self._client.get_world()
            self._client.set_timeout(CALL_S)
        except RuntimeError as error:
            raise WorldError(f"the CARLA server at {host}:{port} does not answer: {error}") from error
        self._screens = self._open_screens(self._rig, self)

    def _take_tick(self, rig: Rig, content: dict[str, Any]) -> None:
        tick = content["tick"]
        self._take_eye(content["eye"])
        with self._lock:
            self._content = tick
        if self._cameras is None and self._world is not None:
            self._cameras = FollowerCameras(self._world, ego_id_in(tick), rig.cameras(), self._look)
            self._say(Kind.CAMERAS, ids=self._cameras.ids())
        if self.eye_m is not None and self._cameras is not None:
            eye = self.eye_m
            views = (view for view in rig.views() if not view.is_mirror)
            self._cameras.aim({view.screen.name: camera_for_eye(view, eye) for view in views})
        self._look(int(tick["frame"]))

    def _take_eye(self, eye: list[float] | None) -> None:
        self.eye_m = None if eye is None else (float(eye[0]), float(eye[1]), float(eye[2]))

    def _look(self, frame: int) -> None:
        """Say that a frame can be shown, once, as soon as its state and all its pictures are here."""
        cameras = self._cameras
        with self._lock:
            is_new = self._content is not None and self._content["frame"] == frame and self._ready_frame < frame
            if not is_new or cameras is None or not cameras.has(frame):
                return
            self._ready_frame = frame
        self._say(Kind.READY, frame=frame)

    def _show(self, screens: FollowerScreens, frame: int) -> None:
        with self._lock:
            tick = self._content
            can_show = tick is not None and tick["frame"] == frame == self._ready_frame
        if not can_show or tick is None or self._cameras is None:
            self.skipped_count += 1
            return
        ego = None if self.eye_m is None else ego_pose_in(tick)
        screens.consume(tick_from_content(tick, self._cameras.pictures(frame, ego)))
        self.shown_count += 1

    def _say(self, kind: Kind, **content: Any) -> None:
        made = self._socket
        if made is not None:
            # CARLA's and the windows' threads send as well; a closed connection is noticed by the reading thread.
            with self._speaking, contextlib.suppress(OSError):
                made.sendall(line_from(kind, **content))

    def _leave(self) -> None:
        """Release everything that belongs to the session."""
        screens, self._screens = self._screens, None
        cameras, self._cameras = self._cameras, None
        self._socket, self._rig, self._content, self._ready_frame, self.eye_m = None, None, None, -1, None
        if screens is not None:
            screens.close()
        if cameras is not None:
            cameras.close()
        self._world = self._client = None
