"""The same arithmetic on every x86-64 machine: whichever processor computes a world, its last bits are the same.

glibc, numpy and OpenBLAS have variants of their functions for newer processors (FMA, AVX2, AVX-512), and choose when
they are loaded. The variants round differently: a sine differs in its last bit, and after a second so does where a car
stands. All three can be told by the environment to use what every x86-64 processor since 2009 has, but only before
they are loaded, so the program starts itself once more with that environment. What numba compiles needs nothing: it
fuses and reorders no operation, whatever instructions it uses.
"""

from __future__ import annotations

import os
import platform
import sys

GLIBC_TUNABLES = "glibc.cpu.hwcaps=-FMA,-FMA4"
SETTINGS = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "1",
}
"""What is set unless the user has set it; the features are those that the pinned numpy has variants for."""


def common_environment(environment: dict[str, str]) -> dict[str, str]:
    """An environment in which all x86-64 machines compute alike; what the user has set in it is kept."""
    tunables = environment.get("GLIBC_TUNABLES", "")
    if "glibc.cpu.hwcaps" not in tunables:
        tunables = ":".join(filter(None, (tunables, GLIBC_TUNABLES)))
    return {**SETTINGS, **environment, "GLIBC_TUNABLES": tunables}


def use_common_arithmetic() -> None:
    """Start this program once more in that environment, in this same process; nothing where it runs in it already.

    To be called before numpy is imported. Only Linux on x86-64 has the variants and the switches.
    """
    wanted = common_environment(dict(os.environ))
    if sys.platform != "linux" or platform.machine() != "x86_64" or wanted == dict(os.environ):
        return
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)  # noqa: S606
