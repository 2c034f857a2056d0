"""Settings and fixtures of every test: no display, and no process left running."""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import uuid
from pathlib import Path

import hypothesis
import psutil
import pytest

os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])  # children find the tests' helpers and the packages
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# How long an example takes depends on what else the machine does, so time fails no property test; see also --timeout.
_UNHURRIED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
# The suite's examples are the same every time: only a change can make a property test fail. `make fuzz` takes fresh
# ones, from the seed it names (no database: an earlier run's examples would come before the seed's).
hypothesis.settings.register_profile("suite", derandomize=True, database=None, print_blob=True, **_UNHURRIED)
hypothesis.settings.register_profile("fuzz", derandomize=False, database=None, print_blob=True, **_UNHURRIED)
hypothesis.settings.load_profile("suite")

OUR_PROGRAMS = ("sim", "policy.serving.worker")
"""Modules that the product starts as processes of their own."""
OUR_FILES = ("policy/agents/runner/__main__.py",)
"""The same, started by their files."""
RUN_VARIABLE = "TAKEOVER_TEST_RUN"
THIS_RUN = uuid.uuid4().hex
os.environ[RUN_VARIABLE] = THIS_RUN  # inherited by children and theirs; each worker of pytest-xdist is a run of its own
GRACE_S = 5.0


def _left_behind() -> list[psutil.Process]:
    """Processes of ours that this run started and that still live, also when they lost their parent."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        is_ours = any(flag == "-m" and module in OUR_PROGRAMS for flag, module in itertools.pairwise(words))
        is_ours = is_ours or any(word.endswith(OUR_FILES) for word in words)
        if is_ours and process.info["status"] != psutil.STATUS_ZOMBIE and _run_of(process) == THIS_RUN:
            found.append(process)
    return found


def _run_of(process: psutil.Process) -> str | None:
    """Which run of the tests a process belongs to, by the environment that it inherited."""
    try:
        return process.environ().get(RUN_VARIABLE)
    except psutil.Error:
        return None


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left_behind():
    """The run fails when a simulator or a policy outlives the tests that started it."""
    yield
    _, alive = psutil.wait_procs(_left_behind(), timeout=GRACE_S)
    left = [" ".join(process.cmdline()) for process in alive if process.is_running()]
    for process in alive:
        process.kill()
    assert not left, f"left running by the tests: {left}"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB, where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def qwen_policy(tmp_path_factory):
    """Policies made of cut Qwen models with the real vocabulary, by family and whether ends are tied; made once."""
    from policy.making.initialise import init_policy
    from policy.making.k_disk import town_codebook
    from tests.policy.making.qwen_models import make_model

    @functools.cache
    def make(family: str, tied: bool = True) -> Path:
        folder = tmp_path_factory.mktemp(family)
        model = make_model(folder / "model", family, tied)
        return init_policy(model, folder / "policy", town_codebook(300), image_tokens=32).folder

    return make
