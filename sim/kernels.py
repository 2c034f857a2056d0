"""How the simulator's inner loops are compiled: by numba, once, into machine code that is kept in a cache folder.

A kernel is compiled for one signature when its module is imported, or loaded from the cache, so that no tick waits for
the compiler. There is no fast-math and no threading: same input, same bits. Numba notices a change of a kernel's own
file only, not of a function that the kernel calls; so the cache's folder is named by a hash of all files with kernels.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"error_model": "numpy"}
"""A division by zero gives infinity, as numpy's does."""


def compiled(signature: Any) -> Callable[[F], F]:
    """Compile a function for one numba signature at once, or load it from the cache."""
    return cast(Any, njit(signature, cache=True, **_OPTIONS))


def part(function: F) -> F:
    """Compile a function as a part of the kernels that call it; called from Python it is compiled when first used."""
    return cast(F, njit(**_OPTIONS)(function))


def cache_folder(sources: Path) -> Path:
    """Where kernels are kept that are written in the files below `sources`: a folder that can be written to."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(sources.rglob("*.py")):
        text = file.read_bytes()
        if b"sim.kernels" in text:
            digest.update(text)
    named = os.environ.get("XDG_CACHE_HOME")
    users = Path(named) if named else Path.home() / ".cache"
    for place in (users / "takeover", Path(tempfile.gettempdir()) / f"takeover-{os.getuid()}"):
        folder = place / "kernels" / digest.hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="takeover-kernels-"))


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(cache_folder(Path(__file__).parent))  # type: ignore[attr-defined]
