"""Messages between the session and the policy's process: a JSON header and raw bytes, over a pipe.

No pickling, so neither side can make the other run code, and a line of logging can never be taken for a message.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from recorder.schema import Direction, Plan, SpeedAction

_LENGTHS = struct.Struct("<II")
MAX_MESSAGE_BYTES = 64 * 1024 * 1024


class WireError(Exception):
    """The other side sent something that is not a message."""


def write_message(stream: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message and flush; raises `OSError` (a broken pipe) when the other side is gone."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(payload)) + text + payload)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message, waiting for it; None at the end of the stream, also in the middle of a message."""
    lengths = _read_exactly(stream, _LENGTHS.size)
    if lengths is None:
        return None
    text_length, payload_length = _LENGTHS.unpack(lengths)
    if text_length + payload_length > MAX_MESSAGE_BYTES:
        raise WireError(f"a message of {text_length + payload_length} bytes is not one of ours")
    text = _read_exactly(stream, text_length)
    payload = _read_exactly(stream, payload_length)
    if text is None or payload is None:
        return None
    return json.loads(text), payload


def header_from_plan(plan: Plan) -> dict[str, Any]:
    """A plan as JSON values."""
    return {
        "frame": plan.frame,
        "time_s": plan.time_s,
        "direction": plan.direction,
        "speed": plan.speed,
        "tokens": list(plan.tokens),
        "trajectory_ego": plan.trajectory_ego.tolist(),
        "text": plan.text,
        "prompt": plan.prompt,
        "latency_s": plan.latency_s,
        "confidence": plan.confidence,
        "entropy": plan.entropy,
        "step_s": plan.step_s,
    }


def plan_from_header(header: dict[str, Any]) -> Plan:
    """The plan that `header_from_plan` wrote."""
    fields = dict(header)
    fields["direction"] = None if header["direction"] is None else Direction(header["direction"])
    fields["speed"] = None if header["speed"] is None else SpeedAction(header["speed"])
    fields["tokens"] = tuple(header["tokens"])
    fields["trajectory_ego"] = np.array(header["trajectory_ego"], np.float32).reshape(-1, 3)
    return Plan(**fields)


def images_from_payload(shapes: Sequence[Sequence[int]], payload: bytes) -> list[NDArray[np.uint8]]:
    """Pictures that were sent one behind the other. Raises `WireError` when the bytes are not theirs."""
    sizes = [math.prod(shape) for shape in shapes]
    if sum(sizes) != len(payload):
        raise WireError(f"{len(payload)} bytes of pictures where {sum(sizes)} were announced")
    pixels = np.frombuffer(payload, np.uint8)
    return [part.reshape(shape) for part, shape in zip(np.split(pixels, np.cumsum(sizes)[:-1]), shapes, strict=True)]


def _read_exactly(stream: BinaryIO, count: int) -> bytes | None:
    data = stream.read(count)
    return data if len(data) == count else None
