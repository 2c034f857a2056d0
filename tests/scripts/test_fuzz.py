"""`make fuzz`: it finds what fails for few examples only, says how to repeat it, and fails then."""

from __future__ import annotations

import itertools
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import fuzz as fuzz_script

ROOT = Path(__file__).parents[2]
CONFTEST = 'import hypothesis\nhypothesis.settings.register_profile("fuzz", database=None, print_blob=True)\n'
TESTS = """
from hypothesis import given, strategies as st

@given(st.integers())
def test_holds(number):
    assert number * 2 == number + number

@given(st.integers())
def test_rarely_holds(number):
    assert {claim}

def test_that_is_no_property():
    assert False
"""


@pytest.fixture
def tests(tmp_path):
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def fuzz(folder: Path) -> tuple[int, list[str]]:
    command = [sys.executable, ROOT / "scripts" / "fuzz.py", "--minutes", "0", "test_numbers.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.splitlines()


def minute_long_rounds(monkeypatch, outputs) -> list[int]:
    """Rounds that end with these statuses and outputs, and the list that their seeds are put in."""
    now_s, seeds = [0.0], []

    def run_tests(paths, seed):
        now_s[0] += 60.0
        seeds.append(seed)
        return next(outputs)

    monkeypatch.setattr(fuzz_script, "run_tests", run_tests)
    monkeypatch.setattr(fuzz_script, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    return seeds


def test_what_it_finds_can_be_repeated_by_the_command_it_prints(tests):
    (tests / "test_numbers.py").write_text(TESTS.format(claim="number % 7 != 5"))
    status, lines = fuzz(tests)
    assert status == 1
    example = next(line for line in lines if "number=" in line)
    assert any("@reproduce_failure" in line for line in lines)
    assert lines[-2] == "fuzz: test_numbers.py::test_rarely_holds failed; repeat it with"
    again = subprocess.run(shlex.split(lines[-1]), cwd=tests, capture_output=True, text=True, timeout=120)
    assert again.returncode == 1
    assert example in again.stdout


def test_rounds_go_on_with_other_seeds_until_the_time_is_up(monkeypatch, capsys):
    seeds = minute_long_rounds(monkeypatch, itertools.repeat((0, "")))
    assert fuzz_script.fuzz(["tests"], 150.0) == 0
    assert len(set(seeds)) == 3
    printed = capsys.readouterr().out
    assert all(f"seed {seed}" in printed for seed in seeds)


def test_a_test_that_fails_in_many_rounds_is_reported_with_its_first_seed(monkeypatch, capsys):
    outputs = iter([(0, ""), (1, "FAILED tests/a.py::b[x y] - 1 == 2"), (1, "FAILED tests/a.py::b[x y] - 1 == 2")])
    seeds = minute_long_rounds(monkeypatch, outputs)
    assert fuzz_script.fuzz(["tests"], 150.0) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "repeat" in line] == ["fuzz: tests/a.py::b[x y] failed; repeat it with"]
    assert f"--hypothesis-seed={seeds[1]} 'tests/a.py::b[x y]'" in lines[-1]


def test_tests_that_cannot_be_run_are_not_a_clean_round(tests):
    (tests / "test_numbers.py").write_text("import no_such_module\n")
    status, lines = fuzz(tests)
    assert status == 2
    assert any("no_such_module" in line for line in lines)
