"""The process that draws: `python -m sim.render.worker SOCKET MEMORY`, started by `sim.simulator.drawing_process`.

It gets towns and scenes through the socket, puts pictures into the shared memory, and ends when the other side closes.
Messages are tuples: ("open", OpenDRIVE text), ("draw", scene, views, first byte); answers are ("opened", device),
("broken" or "no libraries", why), ("drawn",), ("failed", why).
"""

from __future__ import annotations

import argparse
import logging
import mmap
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.kept import keep_results
from sim.scene.records import CameraView, SceneState

if TYPE_CHECKING:
    from sim.render.renderer import Renderer

log = logging.getLogger(__name__)


class Worker:
    """One renderer, of one town at a time."""

    def __init__(self, memory: int, gpu: int | None, mirrors: bool | None = None) -> None:
        """`memory` is the file descriptor of the memory that the pictures are put into."""
        self._memory, self._gpu, self._mirrors = memory, gpu, mirrors
        self._map: mmap.mmap | None = None
        self._renderer: Renderer | None = None
        self._trouble = "no town was opened"

    def answer(self, message: tuple[Any, ...]) -> tuple[Any, ...]:
        """Do what a message asks for."""
        match message:
            case ("open", str(opendrive)):
                return self._open(opendrive)
            case ("draw", SceneState() as scene, views, int(begin)):
                return self._draw(scene, views, begin)
        raise ValueError(f"no such message: {message[0]}")

    def _open(self, opendrive: str) -> tuple[str, str]:
        if self._renderer is not None:
            self._renderer.release()
            self._renderer = None
        try:
            from sim.render.renderer import Renderer

            renderer = Renderer(opendrive, self._gpu, self._mirrors)
            renderer.warm_up()
        except ImportError as error:
            self._trouble = str(error)
            return "no libraries", self._trouble
        except Exception as error:  # noqa: BLE001 (whatever it is, the simulator says it to its clients)
            self._trouble = f"the town cannot be drawn: {error or repr(error)}"
            return "broken", self._trouble
        self._renderer = renderer
        return "opened", renderer.device

    def _draw(self, scene: SceneState, views: Sequence[CameraView], begin: int) -> tuple[str, ...]:
        if self._renderer is None:
            return "failed", self._trouble
        try:
            images = self._renderer.draw(scene, views)
            self._put(images, begin)
        except Exception as error:
            log.exception("pictures could not be drawn")
            return "failed", f"{type(error).__name__}: {error}"
        return ("drawn",)

    def _put(self, images: Sequence[np.ndarray], begin: int) -> None:
        size = os.fstat(self._memory).st_size
        if self._map is None or len(self._map) != size:
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self._memory, size)
        for image in images:
            self._map[begin : begin + image.nbytes] = np.ascontiguousarray(image).data.cast("B")
            begin += image.nbytes


def main() -> int:
    """Answer messages until the other side closes."""
    parser = argparse.ArgumentParser("python -m sim.render.worker")
    parser.add_argument("socket", type=int)
    parser.add_argument("memory", type=int)
    parser.add_argument("--gpu", type=int, default=None)
    parser.add_argument("--mirrors", action=argparse.BooleanOptionalAction)
    args = parser.parse_args()
    keep_results()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the simulator gets it too, and ends us
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    connection, worker = Connection(args.socket), Worker(args.memory, args.gpu, args.mirrors)
    while True:
        try:
            connection.send(worker.answer(connection.recv()))
        except (EOFError, OSError):
            return 0


if __name__ == "__main__":
    sys.exit(main())
