"""One policy process for several sessions: it answers together what they ask at the same time.

with SharedPolicy(folder) as shared:
    ...  # in as many threads or processes as there are simulators
    with PolicyProcess(folder, shared=shared.address) as policy:
        ...
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from policy.serving.process import CLOSE_TIMEOUT_S, worker_environment
from policy.vla.checkpoint import check_folder


class SharedPolicy:
    """The process; it listens at `address` as soon as the model is loaded."""

    def __init__(
        self, folder: str | Path, adapter: str | Path | None = None, device: str = "auto", threads: int = 1
    ) -> None:
        """Start it; returns at once. Raises `CheckpointError` when `folder` holds no checkpoint."""
        check_folder(folder)
        self._place = tempfile.TemporaryDirectory(prefix="takeover-policy-")
        self.address = Path(self._place.name) / "policy"
        """The socket's path: only this user can connect to it."""
        command = [sys.executable, "-m", "policy.serving.worker", str(folder), "--listen", str(self.address)]
        command += ["--device", device, "--threads", str(threads), "--parent", str(os.getpid())]
        if adapter is not None:
            command += ["--adapter", str(adapter)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, env=worker_environment(threads), start_new_session=True
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; safe to call twice."""
        self._process.terminate()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._place.cleanup()
