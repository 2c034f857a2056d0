"""The program inside the policy's process: load the model, then answer one frame after the other.

`policy.serving.process` starts it as ``python -m policy.serving.worker``. Frames come in on standard input, plans go
out on what was standard output; everything printed goes to standard error. It ends when its input ends or its parent is
gone. The kernel's parent-death signal is not used for that: it fires when the *thread* that started the process ends.
With ``--listen`` (`policy.serving.shared`) sessions come and go at a socket, and what waits is answered together.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from policy.serving.wire import WireError, header_from_plan, images_from_payload, read_message, write_message
from policy.vla.dialects.dialect import Held, Situation
from recorder.schema import Plan

log = logging.getLogger(__name__)
PARENT_CHECK_S = 0.5
MOST_TOGETHER = 16
"""Frames answered in one pass."""
_Asked = tuple[dict[str, Any], bytes, BinaryIO]
"""A frame's header and pixels, and where its answer goes."""


def main() -> int:
    """Run the worker; returns the exit status."""
    arguments = _arguments()
    frames = sys.stdin.buffer
    plans = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_parent, args=(arguments.parent,), daemon=True).start()
    try:
        vla = _load(arguments)
    except Exception as error:
        log.exception("the policy cannot be loaded")
        write_message(plans, {"kind": "fatal", "message": f"{error}"})
        return 1
    if arguments.listen:
        serve(vla, arguments.listen)
        return 0
    write_message(plans, {"kind": "ready", "name": vla.settings.name})
    try:
        _answer_all(vla, frames, plans)
    except BrokenPipeError:
        log.info("the session is gone")
    return 0


def _answer_all(vla: Any, frames: BinaryIO, plans: BinaryIO) -> None:
    while (message := read_message(frames)) is not None:
        _answer_together(vla, [(*message, plans)])


def serve(vla: Any, path: str) -> None:
    """Answer the sessions that connect at the socket `path`, for ever; what waits at the same time goes together."""
    waiting: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
    listener = socket.socket(socket.AF_UNIX)
    partial = f"{path}.partial"
    listener.bind(partial)
    listener.listen()
    Path(partial).rename(path)  # it is there when it listens
    threading.Thread(target=_accept, args=(listener, vla.settings.name, waiting), daemon=True).start()
    while True:
        asked = [waiting.get()]
        while len(asked) < MOST_TOGETHER and not waiting.empty():
            asked.append(waiting.get())
        _answer_together(vla, asked)


def _accept(listener: socket.socket, name: str, waiting: queue.SimpleQueue[_Asked]) -> None:
    while True:
        line, _ = listener.accept()
        threading.Thread(target=_read, args=(line, name, waiting), daemon=True).start()


def _read(line: socket.socket, name: str, waiting: queue.SimpleQueue[_Asked]) -> None:
    """One session: its frames go into the queue until it hangs up."""
    frames, plans = line.makefile("rb"), line.makefile("wb")
    try:
        write_message(plans, {"kind": "ready", "name": name})
        while (message := read_message(frames)) is not None:
            waiting.put((*message, plans))
    except (OSError, WireError, ValueError) as error:
        log.warning("a session is gone: %s", error)
    finally:
        line.close()


def _answer_together(vla: Any, asked: list[_Asked]) -> None:
    """Answer frames with one pass; one by one where that fails, so that only whose frame it is hears of an error."""
    started = time.perf_counter()
    try:
        plans = _plans(vla, [(header, pixels) for header, pixels, _ in asked], started)
    except Exception as error:
        if len(asked) > 1:
            for one in asked:
                _answer_together(vla, [one])
            return
        ((header, _, stream),) = asked
        log.exception("frame %s could not be answered", header.get("frame"))
        _say(stream, {"kind": "error", "frame": header.get("frame"), "message": str(error) or repr(error)})
        return
    for plan, (_, _, stream) in zip(plans, asked, strict=True):
        _say(stream, {"kind": "plan", "plan": header_from_plan(plan)})


def _say(stream: BinaryIO, message: dict[str, Any]) -> None:
    try:
        write_message(stream, message)
    except BrokenPipeError:
        log.info("the session is gone")
    except ValueError:  # closed
        log.info("the session is gone")


def _plans(vla: Any, asked: list[tuple[dict[str, Any], bytes]], started: float) -> list[Plan]:
    from policy.vla.quick import Question

    held = [Held.from_header(header["held"]) if header["held"] else None for header, _ in asked]
    questions = [
        Question(images_from_payload(header["shapes"], pixels), header["prompt"])
        for (header, pixels), old in zip(asked, held, strict=True)
        if old is None
    ]
    fresh = iter(vla.answers(questions))
    answers = [next(fresh) if old is None else vla.held(old) for old in held]
    situations = [Situation.from_header(header["situation"]) for header, _ in asked]
    latency_s = time.perf_counter() - started
    return [
        Plan(
            frame=header["frame"],
            time_s=header["time_s"],
            direction=answer.direction,
            speed=answer.speed,
            tokens=answer.tokens,
            trajectory_ego=vla.path(answer, situation, old and old.situation),
            text=answer.text,
            prompt=header["prompt"],
            latency_s=latency_s,
            confidence=answer.confidence,
            entropy=answer.entropy,
            step_s=vla.settings.step_s,
        )
        for (header, _), answer, situation, old in zip(asked, answers, situations, held, strict=True)
    ]


def _load(arguments: argparse.Namespace) -> Any:
    import torch
    from transformers.utils import logging as transformers_logging

    from policy.vla.model import Vla

    torch.set_num_threads(arguments.threads)
    transformers_logging.disable_progress_bar()
    vla = Vla.load(arguments.folder, arguments.adapter, arguments.device)
    cameras = vla.settings.cameras.values()
    black = [np.zeros((camera.height, camera.width, 3), np.uint8) for camera in cameras] * vla.settings.history.pictures
    vla.answer(black, "Speed 0.0 m/s.")  # the first answer is slow
    return vla


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--adapter")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--listen", help="path of a socket at which several sessions are served")
    parser.add_argument("--parent", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
