"""Runs the property tests over and over, each round with a fresh seed, until the time is up (`make fuzz MINUTES=10`).

`make test` gives them the same examples every time, so that only a change can make them fail; here they look for what
nobody has thought of. For a test that fails, the round's output (with the example) and the command that repeats it
are printed. The round in progress when the time is up is finished. To be run from the root of the checkout. Exit
status: 0 nothing found, 1 something found, 2 the tests could not be run.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

PROFILE = "fuzz"
"""Of hypothesis, registered in tests/conftest.py: random examples, and no database of earlier ones."""
PASSED, TESTS_FAILED = 0, 1
"""pytest's exit statuses; any other means that the tests were not run."""
FOUND_NOTHING, FOUND_SOMETHING, COULD_NOT_RUN = 0, 1, 2


def main() -> int:
    """Fuzzes as the command line says and returns the exit status."""
    parser = argparse.ArgumentParser(description="Run the property tests with fresh seeds until the time is up.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long new rounds are begun (default 10)")
    parser.add_argument("paths", nargs="*", default=["tests"], help="tests or folders of tests (default: all)")
    options = parser.parse_args()
    return fuzz(options.paths, options.minutes * 60.0)


def fuzz(paths: Sequence[str], duration_s: float) -> int:
    """Runs rounds of the property tests under `paths`, begins none after `duration_s`, and returns the exit status."""
    ends_at = time.monotonic() + duration_s
    seeds: dict[str, int] = {}  # of the first failure of each test
    rounds = 0
    while rounds == 0 or time.monotonic() < ends_at:
        rounds += 1
        seed, began = secrets.randbits(32), time.monotonic()
        status, output = run_tests(paths, seed)
        failed = failed_tests(output)
        if status != PASSED and not (status == TESTS_FAILED and failed):
            print(f"{output}\nfuzz: the tests could not be run (pytest's exit status {status})", flush=True)
            return COULD_NOT_RUN
        new = [test for test in failed if test not in seeds]
        seeds.update(dict.fromkeys(new, seed))
        if new:
            print(output)
        print(f"fuzz: round {rounds}, seed {seed}: {len(failed)} failed, {time.monotonic() - began:.0f} s", flush=True)
    print(f"fuzz: {rounds} rounds, {len(seeds)} tests failed")
    for test, seed in seeds.items():
        print(f"fuzz: {test} failed; repeat it with\n  {repeat_command(test, seed)}")
    return FOUND_SOMETHING if seeds else FOUND_NOTHING


def run_tests(paths: Sequence[str], seed: int) -> tuple[int, str]:
    """One round of the property tests: pytest's exit status, and what it printed."""
    command = [*_pytest(seed), "-m", "hypothesis", "-rfE", "-p", "no:cacheprovider", *paths]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def failed_tests(output: str) -> list[str]:
    """The ids of the tests that failed or had an error, out of pytest's short summary."""
    lines = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR ")) and "::" in line]
    return [line.split(" ", 1)[1].partition(" - ")[0] for line in lines]


def repeat_command(test: str, seed: int) -> str:
    """The command that runs this test again with the same examples."""
    return shlex.join([os.path.relpath(sys.executable), *_pytest(seed)[1:], test])


def _pytest(seed: int) -> list[str]:
    return [sys.executable, "-m", "pytest", f"--hypothesis-profile={PROFILE}", f"--hypothesis-seed={seed}"]


if __name__ == "__main__":
    sys.exit(main())
