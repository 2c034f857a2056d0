"""The agent process's main loop: commands come in on standard input, answers go out on what was standard output.

Both are lines of JSON. Whatever the agent prints goes to standard error. The process ends when its input ends or its
parent is gone; sensors are destroyed before.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
import time
from typing import Any, BinaryIO

log = logging.getLogger(__name__)
PARENT_CHECK_S = 0.5
ORPHAN_S = 5.0
"""So long an agent whose session has died may take to finish its step and destroy its sensors."""


def main() -> int:
    """Run the program; returns the exit status."""
    arguments = _arguments()
    commands = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_parent, args=(arguments.parent,), daemon=True).start()
    try:
        from .drive import load_agent, reason_of  # CARLA and numpy may be missing here

        agent_class = load_agent(arguments.agent)
    except Exception as error:
        log.exception("the agent cannot be loaded")
        _say(answers, "fatal", message=_load_failure(error))
        return 1
    _say(answers, "ready")
    try:
        _obey(agent_class, arguments.config, commands, answers, reason_of)
    except BrokenPipeError:
        log.info("the session is gone")
    return 0


def _obey(agent_class: type, config: str, commands: BinaryIO, answers: BinaryIO, reason_of: Any) -> None:
    from .drive import Drive

    drive: Any = None
    try:
        for line in commands:
            message = json.loads(line)
            kind = message["kind"]
            try:
                if kind == "enter":
                    drive = Drive(agent_class, config, message)
                    _say(answers, "entered")
                elif kind == "leave":
                    if drive is not None:
                        drive.close()
                    drive = None
                    _say(answers, "left")
                elif drive is not None:
                    begun = time.perf_counter()
                    answer = drive.step(message)
                    latency_s = time.perf_counter() - begun
                    place = {"frame": message["frame"], "time_s": message["time_s"], "latency_s": latency_s}
                    _say(answers, "plan", **place, **answer)
            except BrokenPipeError:
                raise
            except Exception as error:
                log.exception("%s failed", kind)
                kind = "error" if kind == "frame" else "refused"
                _say(answers, kind, frame=message.get("frame"), message=reason_of(error))
    finally:
        if drive is not None:
            drive.close()


def _say(answers: BinaryIO, kind: str, **content: Any) -> None:
    answers.write(json.dumps({"kind": kind, **content}).encode() + b"\n")
    answers.flush()


def _load_failure(error: Exception) -> str:
    if not isinstance(error, ImportError) or not error.name:
        return f"{type(error).__name__}: {error}"
    package = error.name.split(".")[0]
    advice = {
        "leaderboard": "put the folders of CARLA's leaderboard and of ScenarioRunner on PYTHONPATH",
        "srunner": "put ScenarioRunner's folder on PYTHONPATH",
        "agents": "put CARLA's PythonAPI/carla on PYTHONPATH",
        "carla": "install carla 0.9.16 there",
    }.get(package, "install it there, or put its folder on PYTHONPATH")
    return f"{error} (needed by the agent under {sys.executable}); {advice}, or name another Python by --agent-python"


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    time.sleep(ORPHAN_S)
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--config", default="")
    parser.add_argument("--parent", type=int, required=True)
    return parser.parse_args()
