"""Where the experimenter's window is while the driver's windows fill the displays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.virtual_displays import virtual_displays

HERE = Path(__file__).parent


@pytest.mark.parametrize(("count", "display"), [(3, 2), (4, 3)])
def test_the_window_is_seen_beside_the_driver_s_screens(tmp_path, count, display):
    """On a display without a screen of the driver's, or over a side screen: never behind, never on the instruments."""
    with virtual_displays(count) as environment:
        command = [sys.executable, str(HERE / "room_child.py"), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["display"] == display
    assert report["lit_pixels"] > 50
    assert report["is_back"]
