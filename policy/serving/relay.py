"""Joins one session to a policy process that serves several: what comes in on standard input goes to its socket.

`policy.serving.process` starts it as ``python -m policy.serving.relay SOCKET`` in the place of a policy's own process,
so that a session need not know the difference. It ends when either side does, or its parent is gone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
import time

PIECE_BYTES = 1 << 18
CONNECT_S = 300.0
"""How long the shared process may take to load the model and listen."""
PARENT_CHECK_S = 0.5


def main() -> int:
    """Relay until one side is gone; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket")
    parser.add_argument("--parent", type=int, required=True)
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_parent, args=(arguments.parent,), daemon=True).start()
    try:
        line = _connected(arguments.socket)
    except OSError as error:
        sys.stderr.write(f"no policy process listens at {arguments.socket}: {error}\n")
        return 1
    threading.Thread(target=_send, args=(line,), daemon=True).start()
    with contextlib.suppress(OSError):
        while piece := line.recv(PIECE_BYTES):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
    sys.stderr.write("the shared policy process has ended\n")
    sys.stderr.flush()
    os._exit(1)  # the other thread still waits for input, with a lock that an orderly end would need


def _connected(path: str) -> socket.socket:
    deadline = time.monotonic() + CONNECT_S
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return line


def _send(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := os.read(0, PIECE_BYTES):
            line.sendall(piece)
    os._exit(0)  # the session closed its end


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
