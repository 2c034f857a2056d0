"""Results that take seconds and hang on nothing but their arguments and our own sources, kept on disk between starts.

A town's triangles, what is solid in it and the surface patterns are the same in every start; the processes of one
server need them too, and whoever comes second waits for the first instead of making them again. Nothing is kept before
a program has called `keep_results`: `python -m sim` and the process that draws do, tests and other users of the
functions always compute. A result's name holds a hash of its arguments, of the sources of the rooms that results are
made in, of the libraries' versions, and of the machine and its arithmetic (`sim.arithmetic`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import pickle
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from sim.arithmetic import SETTINGS

T = TypeVar("T")

log = logging.getLogger(__name__)

MOST_BYTES = 512 << 20
"""The results that were used longest ago are deleted when all together are larger; a town has some 35 MB."""
_LIBRARIES = ("numpy", "scipy", "shapely", "opencv-python")
_ROOMS = ("map", "render", "scene", "town", "vehicles")
"""Where results are made, and what is imported there (the layers in setup.cfg)."""
_SOURCES = Path(__file__).parent

_folder: Path | None = None
_basis = b""


def keep_results(folder: Path | None = None) -> None:
    """Keep the results of `kept` from now on, in `folder` or else in the user's own cache folder.

    Where that cannot be written, or belongs to somebody else (results are pickles), nothing is kept.
    """
    global _folder, _basis
    if folder is None:
        named = os.environ.get("XDG_CACHE_HOME")
        folder = (Path(named) if named else Path.home() / ".cache") / "takeover" / "results"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
        _folder, _basis = folder, _basis or _hash_of_basis()


def _hash_of_basis() -> bytes:
    """What every result hangs on besides its arguments."""
    digest = hashlib.sha256()
    for file in sorted(file for room in _ROOMS for file in (_SOURCES / room).rglob("*.py")):
        digest.update(file.read_bytes())
    settings = [os.environ.get(name, "") for name in ("GLIBC_TUNABLES", *SETTINGS)]
    versions = [metadata.version(library) for library in _LIBRARIES]
    digest.update(repr([platform.node(), platform.python_version(), versions, settings]).encode())
    return digest.digest()


def kept(name: str, make: Callable[..., T], *arguments: str) -> T:
    """`make(*arguments)`, from the disk where it is known; what cannot be read is made again.

    `name` says which function it is. Raises what `make` raises; an error is not kept.
    """
    if _folder is None:
        return make(*arguments)
    key = hashlib.sha256(_basis + repr((name, arguments)).encode()).hexdigest()[:32]
    path = _folder / f"{name}-{key}"
    with _one_at_a_time(path):
        try:
            result: T = pickle.loads(path.read_bytes())  # noqa: S301 (from a folder that only we can write to)
            _mark_as_used(path)
            return result
        except Exception as error:  # noqa: BLE001 (whatever a broken file does)
            if not isinstance(error, FileNotFoundError):
                log.warning("%s is made again: %r", path, error)
        result = make(*arguments)
        with contextlib.suppress(OSError):  # a full disk: it is made again next time
            _write(path, pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
    return result


@contextlib.contextmanager
def _one_at_a_time(path: Path):
    """Hold the lock of one result, against other threads and processes; without one where no file can be made."""
    try:
        lock = path.with_name(path.name + ".lock").open("w")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _mark_as_used(path: Path) -> None:
    now_ns = time.time_ns()  # the file system's own clock has steps of some milliseconds
    os.utime(path, ns=(now_ns, now_ns))


def _write(path: Path, data: bytes) -> None:
    half = path.with_name(path.name + ".new")
    half.write_bytes(data)
    _mark_as_used(half)
    half.replace(path)
    files = sorted((file for file in path.parent.iterdir() if not file.suffix), key=lambda file: -file.stat().st_mtime)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > MOST_BYTES and file != path:
            file.unlink()
            file.with_name(file.name + ".lock").unlink(missing_ok=True)
