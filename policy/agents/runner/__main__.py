"""Starts the program around an agent: ``python …/policy/agents/runner/__main__.py --agent FILE …``.

The package is loaded under a name of its own and nothing of this project is put on the search path: the agent's
modules may be called anything.
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

NAME = "takeover_agent_runner"


def load_program():
    """The module `program` of this folder, in a package called `NAME`."""
    here = Path(__file__).resolve().parent
    spec: Any = importlib.util.spec_from_file_location(
        NAME, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    return importlib.import_module(f"{NAME}.program")


if __name__ == "__main__":
    del sys.path[0]  # this folder
    status = load_program().main()
    sys.stderr.flush()
    os._exit(status)  # CARLA's threads may still call into an interpreter that is being taken down
