"""Same seed, same calls: the same world and the same pictures, byte for byte, whatever process computes them."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from server_process import ROOT, serving

PROGRAM = Path(__file__).parent / "seeded_drive.py"
TICKS = 40


def test_two_runs_of_a_seeded_drive_with_30_vehicles_and_walkers_are_the_same_byte_for_byte():
    with ExitStack() as servers:
        ports = [servers.enter_context(serving("--seed", "3", rendering=True)) for _ in range(2)]
        command = [sys.executable, str(PROGRAM)]
        runs = [
            subprocess.Popen([*command, str(port), str(TICKS)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
            for port in ports
        ]
        told = [run.communicate(timeout=120)[0].splitlines() for run in runs]
    assert len(told[0]) == TICKS
    assert told[0] == told[1]
    words = [line.split() for line in told[0]]
    assert len({snapshot for _, snapshot, *_ in words}) == TICKS  # the world moves all the time,
    pictures = [line[2] for line in words if len(line) > 2]
    assert len(pictures) == len(set(pictures)) == TICKS // 8  # and the camera with its car
