"""`python -m sim.prepare`: what a first start would wait for, done ahead; part of the set-up.

Importing the simulator compiles its inner loops; the shipped towns and the surface patterns are built and kept on disk
(`sim.kept`). Names of OpenDRIVE files as arguments: these instead of the shipped towns.
"""

from __future__ import annotations

from sim.arithmetic import use_common_arithmetic

if __name__ == "__main__":
    use_common_arithmetic()  # before numpy is imported: results are kept for the server's arithmetic

import sys
from pathlib import Path

import sim.simulator.simulator  # noqa: F401 (compiles its loops)
from sim.kept import keep_results
from sim.map.files import shipped_map
from sim.render.sign_faces import surface_layers
from sim.town.standing import standing
from sim.town.town import town_of


def main(arguments: list[str] | None = None) -> int:
    """Build and keep everything; returns the exit code."""
    keep_results()
    surface_layers()
    named = [Path(name) for name in (sys.argv[1:] if arguments is None else arguments)]
    for file in named or sorted(shipped_map().parent.glob("*.xodr")):
        opendrive = file.read_text()
        standing(opendrive)
        town_of(opendrive)
    return 0


if __name__ == "__main__":
    sys.exit(main())
