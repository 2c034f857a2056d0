"""A head as a Lab Streaming Layer stream: x, y, z in metres, or those and a quaternion x, y, z, w."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from cockpit.head.pose import HeadPose, TrackingError, is_sound

log = logging.getLogger(__name__)

LOOK_S = 0.25


def _library() -> Any:
    try:
        import pylsl
    except (ImportError, RuntimeError, OSError) as error:  # RuntimeError: pylsl is there and its liblsl is not
        raise TrackingError(
            f"the rig's head comes by Lab Streaming Layer, which is not here ({error}); pip install pylsl, and liblsl "
            "from https://github.com/sccn/liblsl/releases where pylsl's package has none"
        ) from error
    return pylsl


class LslReader:
    """Keeps the newest sample of one stream; a stream that is away is looked for again and again."""

    def __init__(self, name: str) -> None:
        """Begin to read.

        Raises:
            TrackingError: pylsl or liblsl is not installed.
        """
        self._lsl = _library()
        self.name = name
        self.refused = 0
        """Samples that were no pose."""
        self._newest: HeadPose | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_reading, name="lsl-head", daemon=True)
        self._thread.start()

    def newest(self) -> HeadPose | None:
        """The newest pose, None before the first."""
        return self._newest

    def close(self) -> None:
        """Stop reading; safe to call twice."""
        self._stop.set()
        self._thread.join(2.0)

    def _keep_reading(self) -> None:
        while not self._stop.is_set():
            found = self._lsl.resolve_byprop("name", self.name, 1, LOOK_S)
            if not found:
                continue
            channels = found[0].channel_count()
            if channels not in (3, 7):
                log.warning("LSL stream '%s' has %d channels; 3 or 7 are wanted", self.name, channels)
                self._stop.wait(1.0)
                continue
            inlet = self._lsl.StreamInlet(found[0], max_buflen=1, recover=False)
            try:
                while not self._stop.is_set():
                    sample, _ = inlet.pull_sample(timeout=LOOK_S)
                    if sample is not None:
                        self._note(tuple(float(number) for number in sample))
            except self._lsl.LostError:
                log.warning("LSL stream '%s' is gone; it is looked for again", self.name)
            finally:
                inlet.close_stream()

    def _note(self, numbers: tuple[float, ...]) -> None:
        x, y, z = numbers[:3]
        qx, qy, qz, qw = numbers[3:] or (0.0, 0.0, 0.0, 1.0)
        pose = HeadPose(time.monotonic(), (x, y, z), (qx, qy, qz, qw))
        if is_sound(pose):
            self._newest = pose
        else:
            self.refused += 1
