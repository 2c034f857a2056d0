"""The program inside the policy's process: load the model, then answer one frame after the other.

`policy.serving.process` starts it as ``python -m policy.serving.worker``. Frames come in on standard input, plans go
out on what was standard output; everything printed goes to standard error. It ends when its input ends or its parent is
gone. The kernel's parent-death signal is not used for that: it fires when the *thread* that started the process ends.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import time
from typing import Any, BinaryIO

import numpy as np

from policy.serving.wire import header_from_plan, images_from_payload, read_message, write_message
from recorder.schema import Plan

log = logging.getLogger(__name__)
PARENT_CHECK_S = 0.5


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
    write_message(plans, {"kind": "ready", "name": vla.settings.name})
    try:
        _answer_all(vla, frames, plans)
    except BrokenPipeError:
        log.info("the session is gone")
    return 0


def _answer_all(vla: Any, frames: BinaryIO, plans: BinaryIO) -> None:
    while (message := read_message(frames)) is not None:
        header, pixels = message
        started = time.perf_counter()
        try:
            plan = _plan(vla, header, pixels, started)
        except Exception as error:
            log.exception("frame %s could not be answered", header.get("frame"))
            write_message(plans, {"kind": "error", "frame": header.get("frame"), "message": repr(error)})
        else:
            write_message(plans, {"kind": "plan", "plan": header_from_plan(plan)})


def _plan(vla: Any, header: dict[str, Any], pixels: bytes, started: float) -> Plan:
    answer = vla.answer(images_from_payload(header["shapes"], pixels), header["prompt"])
    return Plan(
        frame=header["frame"],
        time_s=header["time_s"],
        direction=answer.direction,
        speed=answer.speed,
        tokens=answer.tokens,
        trajectory_ego=vla.trajectory(answer.tokens),
        text=answer.text,
        prompt=header["prompt"],
        latency_s=time.perf_counter() - started,
        confidence=answer.confidence,
        entropy=answer.entropy,
        step_s=vla.settings.step_s,
    )


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
    parser.add_argument("--parent", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
