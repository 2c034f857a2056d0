"""Displays without hardware, for benchmarks and tests: an X server split into monitors; Qt makes a screen of each."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

WIDTH, HEIGHT = 1280, 720
PID_VARIABLE = "XVFB_PID"
"""In the environment: the X server's process, for tests that end it."""


@contextlib.contextmanager
def virtual_displays(count: int) -> Iterator[dict[str, str]]:
    """The environment of programs that see `count` displays of 1280x720 side by side, named D0, D1, ..."""
    for program in ("Xvfb", "xrandr"):
        assert shutil.which(program), f"no {program} here: scripts/setup.sh --dev installs it"
    reading, writing = os.pipe()
    size = f"{count * WIDTH}x{HEIGHT}x24"
    # -noreset: the monitors would be forgotten when xrandr, the first client, leaves.
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-noreset", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        environment = {**os.environ, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "SDL_AUDIODRIVER": "dummy"}
        environment.pop("WAYLAND_DISPLAY", None)
        environment[PID_VARIABLE] = str(server.pid)
        quiet = subprocess.DEVNULL
        for index in range(count):
            place = f"{WIDTH}/300x{HEIGHT}/200+{index * WIDTH}+0"
            output = "screen" if index == 0 else "none"
            subprocess.run(
                ["xrandr", "--setmonitor", f"D{index}", place, output], check=True, env=environment, stdout=quiet
            )
        yield environment
    finally:
        server.terminate()
        server.wait(10)
