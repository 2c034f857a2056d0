"""Results kept on disk: made once for all processes, made again when anything they hang on is another."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from sim import kept as module
from sim.kept import keep_results, kept


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_folder", None)
    monkeypatch.setattr(module, "_basis", b"")
    keep_results(tmp_path / "results")
    return tmp_path / "results"


class Maker:
    """Counts how often it made something."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, text: str) -> dict[str, np.ndarray]:
        self.made += 1
        time.sleep(0.05)
        return {text: np.arange(3)}


def test_a_result_is_made_once_for_each_argument(folder):
    make = Maker()
    first, again, other = kept("things", make, "a"), kept("things", make, "a"), kept("things", make, "b")
    assert make.made == 2
    assert (first["a"] == again["a"]).all()
    assert list(other) == ["b"]


def test_nothing_is_kept_unless_the_program_asks_for_it(monkeypatch):
    monkeypatch.setattr(module, "_folder", None)
    make = Maker()
    assert list(kept("things", make, "a")) == list(kept("things", make, "a"))
    assert make.made == 2


def test_other_sources_are_other_results(folder, monkeypatch, tmp_path):
    make = Maker()
    kept("things", make, "a")
    (tmp_path / "town").mkdir()
    (tmp_path / "town" / "one.py").write_text("x = 1\n")
    monkeypatch.setattr(module, "_SOURCES", tmp_path)
    monkeypatch.setattr(module, "_basis", b"")
    keep_results(folder)
    kept("things", make, "a")
    assert make.made == 2


def test_what_results_are_made_of_is_among_the_rooms_that_are_looked_at():
    """Whatever a town and the surface patterns import of `sim`."""
    code = "import sys, sim.town.town, sim.town.standing, sim.render.sign_faces; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    rooms = {name.split(".")[1] for name in modules if name.startswith("sim.")}
    assert rooms <= {*module._ROOMS, "kept", "arithmetic", "kernels"}


def test_a_broken_file_is_made_again(folder):
    make = Maker()
    kept("things", make, "a")
    (file,) = (file for file in folder.iterdir() if not file.suffix)
    file.write_bytes(file.read_bytes()[:20])
    assert list(kept("things", make, "a")) == ["a"]
    kept("things", make, "a")
    assert make.made == 2


def test_who_comes_second_waits_for_the_first(folder):
    make = Maker()
    threads = [threading.Thread(target=kept, args=("things", make, "a")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.made == 1


def test_what_was_used_longest_ago_goes_when_there_is_too_much(folder, monkeypatch):
    make = Maker()
    for text in "ab":
        kept("things", make, text)
    monkeypatch.setattr(module, "MOST_BYTES", 2 * max(file.stat().st_size for file in folder.iterdir()))
    kept("things", make, "a")
    kept("things", make, "c")
    assert make.made == 3
    kept("things", make, "a")
    assert make.made == 3
    kept("things", make, "b")
    assert make.made == 4


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_folder", None)
    (tmp_path / "a file").write_text("")
    keep_results(tmp_path / "a file" / "results")
    make = Maker()
    assert list(kept("things", make, "a")) == list(kept("things", make, "a"))
    assert make.made == 2


def test_the_town_of_a_server_is_the_same_from_the_disk(tmp_path):
    code = (
        "import sys, pathlib, hashlib, sim.kept as k; k.keep_results(pathlib.Path(sys.argv[1]))\n"
        "from sim.town.town import town_of; from sim.town.standing import standing\n"
        "text = open('assets/maps/highfield.xodr').read()\n"
        "town, solid = town_of(text), standing(text)\n"
        "at = town.vertices['position'][:9, :2].astype(float)\n"
        "h = hashlib.sha256(b''.join(a.tobytes() for a in (town.vertices, town.indices, town.paint, solid.lamps)))\n"
        "h.update(town.scenery.height(at).tobytes()); h.update(repr([b.low_m for b in solid.bodies]).encode())\n"
        "print(h.hexdigest())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "results")]
    made, read = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert made == read
    assert len([file for file in (tmp_path / "results").iterdir() if not file.suffix]) == 2
