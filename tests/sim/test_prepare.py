"""After the set-up a first start finds what it needs on the disk."""

import os
import subprocess
import sys

from sim.kernels import numba
from tests.sim.map.small_roads import two_part_road

CACHE_DIR = str(numba.config.CACHE_DIR)  # type: ignore[attr-defined]
"""Where the compiled loops are: they need not be compiled again for the test."""
START = """
from sim.kept import keep_results
keep_results()
import sim.town.standing, sim.town.town, sim.render.sign_faces, pathlib, sys
def fail(*_): raise AssertionError("made again")
sim.town.standing._standing = sim.town.town.build_town = sim.render.sign_faces._surface_layers = fail
text = pathlib.Path(sys.argv[1]).read_text()
sim.town.standing.standing(text), sim.town.town.town_of(text), sim.render.sign_faces.surface_layers()
"""


def test_what_was_prepared_is_not_made_again(tmp_path):
    town = tmp_path / "road.xodr"
    town.write_text(two_part_road(200.0))
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "NUMBA_CACHE_DIR": CACHE_DIR}
    subprocess.run([sys.executable, "-m", "sim.prepare", str(town)], env=environment, check=True)
    kept = {file.name.rpartition("-")[0] for file in (tmp_path / "takeover" / "results").iterdir() if not file.suffix}
    assert kept == {"standing", "surfaces", "town"}
    code = "from sim.arithmetic import use_common_arithmetic; use_common_arithmetic()\n" + START
    subprocess.run([sys.executable, "-c", code, str(town)], env=environment, check=True)
