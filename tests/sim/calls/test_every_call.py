"""Every public method of the client library is answered or refused by name: none hangs, none ends the server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import carla
import pytest

from tests.sim.calls import every_call
from tests.sim.server.server_process import client_of, serving

PROGRAM = Path(__file__).with_name("every_call.py")
LIBRARY_FAULTS = {
    "ServerSideSensor.get_ignored_vehicles": "No to_python (by-value) converter",
}
REFUSED = {
    "ServerSideSensor.listen_to_gbuffer": "get_gbuffer_token",
    "ServerSideSensor.stop_gbuffer": "get_gbuffer_token",
    "World.apply_color_texture_to_object": "apply_color_texture_to_objects",
    "World.apply_color_texture_to_objects": "apply_color_texture_to_objects",
    "World.apply_float_color_texture_to_object": "apply_float_color_texture_to_objects",
    "World.apply_float_color_texture_to_objects": "apply_float_color_texture_to_objects",
    "World.apply_textures_to_object": "apply_color_texture_to_objects",
    "World.apply_textures_to_objects": "apply_color_texture_to_objects",
}
"""What this server cannot do, and the call that its error must name."""


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """(how each method ended, the server's version afterwards)."""
    home = tmp_path_factory.mktemp("home")
    with serving(env={**os.environ, "XDG_DATA_HOME": str(home)}) as port:
        lines = subprocess.run(
            [sys.executable, str(PROGRAM), str(port)], capture_output=True, text=True, timeout=280, check=False
        )
        outcomes = {name: outcome for name, outcome, _ in map(json.loads, _json_lines(lines.stdout))}
        assert lines.returncode == 0, (f"after {list(outcomes)[-1:]}", lines.stderr)
        yield outcomes, client_of(port).get_server_version()


def _json_lines(text):
    return [line for line in text.splitlines() if line.startswith("[")]


@pytest.mark.parametrize("owner", every_call.TABLES)
def test_the_table_knows_every_method_of(owner):
    kind = getattr(carla, owner)
    methods = {name for name, value in vars(kind).items() if not name.startswith("_") and callable(value)}
    assert methods <= set(every_call.TABLES[owner])


def test_every_method_is_answered_or_refused_by_name_and_the_server_lives(driven):
    outcomes, version = driven
    assert version == "0.9.16"
    wrong = {}
    for name, outcome in outcomes.items():
        error = REFUSED.get(name) or LIBRARY_FAULTS.get(name)
        if error is None and name.startswith("TrafficManager."):
            continue  # the traffic's own tests say which of its settings are refused
        if (error is None and outcome != "answered") or (error is not None and error not in outcome):
            wrong[name] = outcome
    assert wrong == {}
    assert "time-out" not in "".join(outcomes.values())
