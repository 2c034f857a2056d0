"""`scripts/setup.sh` and the package manager's locks, with an apt-get that is held up as the real one is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "setup.sh"
LOCK_ERROR = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)"
FAKES = {
    "id": "echo 0",  # root
    "dpkg-query": "exit 1",  # no package is there
    "sleep": "exit 0",
    "apt-get": """echo "$*" >> calls
case "$*" in *"$LOCKED"*) ;; *) exit 0 ;; esac
[ "$(grep -c -- "$LOCKED" calls)" -gt "$REFUSALS" ] || { echo "$APT_ERROR" >&2; exit 100; }""",
}


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose virtual environment is up to date, so that only system packages are missing."""
    for folder in ("scripts", "bin", ".venv"):
        (tmp_path / folder).mkdir()
    shutil.copy(SETUP, tmp_path / "scripts")
    (tmp_path / "pyproject.toml").touch()
    os.utime(tmp_path / "pyproject.toml", (0, 0))
    (tmp_path / ".venv" / ".installed").touch()
    for name, text in FAKES.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return tmp_path


def run_setup(checkout: Path, locked: str, refusals: int, error: str = LOCK_ERROR, patience_s: int = 60):
    """Runs the script where the apt-get command with the word `locked` fails so many times with this error."""
    fake = {"LOCKED": locked, "REFUSALS": str(refusals), "APT_ERROR": error, "SETUP_LOCK_WAIT_S": str(patience_s)}
    path = f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **fake, "PATH": path, "PYTHON": sys.executable, "VENV": ".venv"}
    script = checkout / "scripts" / "setup.sh"
    result = subprocess.run([script], env=env, capture_output=True, text=True, timeout=60)
    commands = (checkout / "calls").read_text().splitlines()
    return result, [next(word for word in ("update", "install") if word in call.split()) for call in commands]


@pytest.mark.parametrize(
    ("locked", "calls"),
    [("update", ["update"] * 4 + ["install"]), ("install", ["update"] + ["install"] * 4)],
)
def test_setup_waits_for_the_lock_and_says_so_once(checkout, locked, calls):
    result, called = run_setup(checkout, locked, refusals=3)
    assert (result.returncode, called) == (0, calls), result.stderr
    assert result.stderr.count("waiting") == result.stderr.count("process 4711") == 1


def test_setup_gives_up_on_a_lock_in_the_end(checkout):
    result, called = run_setup(checkout, "install", refusals=1000, patience_s=0)
    assert (result.returncode, called) == (100, ["update", "install"])
    assert "gave up" in result.stderr
    assert LOCK_ERROR in result.stderr


def test_any_other_failure_ends_setup_at_once_with_the_package_managers_words(checkout):
    result, called = run_setup(checkout, "update", refusals=1000, error="E: Unable to locate package gcc")
    assert (result.returncode, called) == (100, ["update"])
    assert "Unable to locate package gcc" in result.stderr
    assert "waiting" not in result.stderr
