"""The driver's eye while a session runs: from a tracker's newest pose to the eye, and to where the cameras must stand.

The session asks for `camera_poses` before each tick; the windows ask for `eye_m` before each picture. Both get the eye
as it will be when the light leaves the screen. A tracker that falls silent lets the eye glide back to its place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import numpy as np

from cockpit.head.lsl import LslReader
from cockpit.head.natnet import NatNetReader
from cockpit.head.pose import FilterState, HeadReader, eye_in_rig, filtered, predicted, within
from cockpit.head.vrpn import VrpnReader
from cockpit.rig.head_config import PORTS, HeadSource, HeadTracking
from cockpit.rig.projection import Vector3, camera_for_eye
from cockpit.rig.rig import Rig
from recorder.schema import Pose

GLIDE_S = 1.0
"""Time in which a lost eye goes back to its place."""


class Head:
    """The tracked eye of a rig. Every method may be called from any thread."""

    def __init__(self, rig: Rig, reader: HeadReader, clock: Callable[[], float] = time.monotonic) -> None:
        self._rig, self._reader, self._clock = rig, reader, clock
        self._views = rig.views()
        self._lock = threading.Lock()
        self._state: FilterState | None = None
        self._seen_s = -1.0

    def eye_m(self) -> Vector3:
        """The eye in the rig frame when a picture that is drawn now is seen."""
        head, now = self._rig.head, self._clock()
        with self._lock:
            pose = self._reader.newest()
            if pose is not None and pose.time_s > self._seen_s:
                self._seen_s = pose.time_s
                self._state = filtered(self._state, pose.time_s, eye_in_rig(pose, head))
            state = self._state
        if state is None:
            return self._rig.eye_in_rig_m
        eye = predicted(state, now + head.latency_s, head.latency_s + head.lost_s / 4)
        eye = within(eye, self._rig.eye_in_rig_m, head.reach_m())
        lost = min(1.0, max(0.0, (now - state.time_s - head.lost_s) / GLIDE_S))
        x, y, z = (1.0 - lost) * np.array(eye) + lost * np.array(self._rig.eye_in_rig_m)
        return float(x), float(y), float(z)

    def is_lost(self) -> bool:
        """Whether the tracker has been silent for too long."""
        return self._state is None or self._clock() - self._state.time_s > self._rig.head.lost_s

    def camera_poses(self) -> Mapping[str, Pose]:
        """Where every camera of the rig must be in the ego frame, by name; mirrors stay and are left out."""
        eye = self.eye_m()
        return {view.screen.name: camera_for_eye(view, eye) for view in self._views if not view.is_mirror}

    def close(self) -> None:
        """Stop the tracker's reader; safe to call twice."""
        self._reader.close()


def open_head(rig: Rig) -> Head | None:
    """The rig's tracked head, reading; None when its eye is fixed.

    Raises:
        TrackingError: the source cannot be used.
    """
    reader = _reader(rig.head)
    return None if reader is None else Head(rig, reader)


def _reader(head: HeadTracking) -> HeadReader | None:
    if head.source is HeadSource.VRPN:
        return VrpnReader(head.host, head.name, head.body, head.port or PORTS["vrpn"])
    if head.source is HeadSource.NATNET:
        return NatNetReader(head.host, head.body, head.port or PORTS["natnet"], head.multicast)
    return LslReader(head.name) if head.source is HeadSource.LSL else None
