"""Whichever processor the libraries find, the program computes the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.determinism import OLD_PROCESSOR
from sim.arithmetic import GLIBC_TUNABLES, SETTINGS, common_environment

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
from sim.arithmetic import use_common_arithmetic
use_common_arithmetic()
import hashlib, math, os, sys
import numpy as np
rng = np.random.default_rng(0)
x, y = rng.uniform(-3.0, 3.0, (2, 30_000))
digest = hashlib.sha256()
for one in (np.sin, np.cos, np.tan, np.arctan, np.exp, np.tanh):
    digest.update(one(x).tobytes())
digest.update(np.arctan2(x, y).tobytes())
digest.update((x.reshape(-1, 3) @ y[:9].reshape(3, 3)).tobytes())
digest.update(np.array([f(v) for v in x for f in (math.sin, math.exp, math.atan)]).tobytes())
print(os.getpid(), digest.hexdigest(), sys.argv[1:])
"""


def digest_on(tmp_path, environment):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    env = {name: value for name, value in os.environ.items() if name not in OLD_PROCESSOR}
    env |= {"PYTHONPATH": str(ROOT), **environment}
    process = subprocess.Popen([sys.executable, str(script), "a b"], stdout=subprocess.PIPE, text=True, env=env)
    words = process.communicate()[0].split(maxsplit=2)
    assert int(words[0]) == process.pid  # signals and parents find the program where they started it
    assert words[2].strip() == "['a b']"
    return words[1]


@pytest.mark.skipif(sys.platform != "linux", reason="the variants and their switches are glibc's")
def test_the_program_computes_the_same_whatever_processor_its_libraries_find(tmp_path):
    assert digest_on(tmp_path, {}) == digest_on(tmp_path, OLD_PROCESSOR)


def test_what_the_user_has_set_is_kept():
    found = common_environment({"OPENBLAS_CORETYPE": "Haswell", "GLIBC_TUNABLES": "glibc.malloc.check=3", "A": "b"})
    assert found == {
        **SETTINGS,
        "OPENBLAS_CORETYPE": "Haswell",
        "GLIBC_TUNABLES": f"glibc.malloc.check=3:{GLIBC_TUNABLES}",
        "A": "b",
    }
    assert common_environment(found) == found
