"""Compiled loops are kept where they can be written, and are compiled anew when any part of them has changed."""

import os
import subprocess
import sys
from pathlib import Path

from sim.kernels import cache_folder

CALL = "import sim.vehicles.step as s; print(sum(s._move.stats.cache_hits.values()), s._move.stats.cache_path)"


def test_a_changed_part_has_another_cache(tmp_path):
    (tmp_path / "user.py").write_text("from sim.kernels import compiled\n")
    (tmp_path / "part.py").write_text("from sim.kernels import part\nLIMIT = 1\n")
    (tmp_path / "other.py").write_text("LIMIT = 1\n")
    first = cache_folder(tmp_path)
    (tmp_path / "other.py").write_text("LIMIT = 2\n")
    assert cache_folder(tmp_path) == first
    (tmp_path / "part.py").write_text("from sim.kernels import part\nLIMIT = 2\n")
    assert cache_folder(tmp_path) != first


def test_the_cache_goes_elsewhere_where_the_users_folder_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    folder = cache_folder(tmp_path)
    assert blocked not in folder.parents
    assert os.access(folder, os.W_OK)


def test_processes_that_start_together_share_the_cache_and_later_ones_compile_nothing(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CALL]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())

    together = [start() for _ in range(2)]
    assert all(process.communicate()[1] is None and process.returncode == 0 for process in together)
    hits, folder = start().communicate()[0].split()
    assert hits == "1"
    assert tmp_path in Path(folder).parents
