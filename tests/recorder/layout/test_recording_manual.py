"""The manual's way to read a segment without our code works as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from recorder.layout.codec import TABLES
from recorder.reading.reader import segment_paths
from refine.data.preference import Skip
from tests.recorder.tick_strategies import drive
from tests.recorder.writing.test_segment_recorder import HUMAN, POLICY, record

MANUAL = (Path(__file__).parents[3] / "docs" / "recording.md").read_text(encoding="utf-8")


def test_the_manuals_program_reads_a_segment(tmp_path):
    record(tmp_path / "s", drive((30, POLICY), (20, HUMAN)))
    (program,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    command = [sys.executable, "-c", program, str(segment_paths(tmp_path / "s")[0])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["50", "10.0", "m/s", "policy", "20", "(32,", "24)"]


def test_the_manual_names_every_table_and_every_reason_to_skip():
    assert [name for name in TABLES if f"`{name}`" not in MANUAL] == []
    assert [skip.value for skip in Skip if f"`{skip.value}`" not in MANUAL] == []
