"""Work shared out to several processes, each with a simulator of its own, and started again where it dies.

CARLA's client now and then ends its process. The work must therefore be made of jobs that leave a file each: a process
that is started again goes on with those that have none, and so does a whole run that was interrupted.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess

from refine.errors import RefineError

log = logging.getLogger(__name__)

POLL_S = 1.0
MOST_LIVES = 6
"""Crashes of one process after which the work ends."""


def share_out(work: Callable[[int, int], None], workers: int, on_poll: Callable[[], None] = lambda: None) -> None:
    """Run `work(worker, workers)` in so many processes until all have come to their end.

    `work` must be importable (a function or a `functools.partial` of one), and go on where an earlier process of the
    same number stopped. `on_poll` is called about once a second. Raises `RefineError` where a process dies again and
    again.
    """
    running = [_Process(work, number, workers) for number in range(workers)]
    try:
        while sum(process.is_done() for process in running) < len(running):
            time.sleep(POLL_S)
            on_poll()
    finally:
        for process in running:
            process.end()


def is_parent_alive() -> bool:
    """Whether the process that started this one still runs; a killed one cannot ask this one to end."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


class _Process:
    """One process of the work."""

    def __init__(self, work: Callable[[int, int], None], number: int, workers: int) -> None:
        self._work, self._number, self._workers = work, number, workers
        self._lives = 0
        self._process = self._start()

    def _start(self) -> SpawnProcess:
        process = multiprocessing.get_context("spawn").Process(target=self._work, args=(self._number, self._workers))
        process.start()
        return process

    def is_done(self) -> bool:
        """Whether the process came to its end; starts the next one where it died."""
        code = self._process.exitcode
        if code is None or code == 0:
            return code == 0
        self._lives += 1
        if self._lives == MOST_LIVES:
            raise RefineError(f"process {self._number} died {MOST_LIVES} times, last with exit code {code}")
        log.warning("process %d ended with exit code %d; a new one goes on", self._number, code)
        self._process = self._start()
        return False

    def end(self) -> None:
        self._process.terminate()
        self._process.join()
