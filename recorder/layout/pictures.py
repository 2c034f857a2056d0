"""Pictures to files and back, in RGB: PNG where nothing may be lost, else JPEG.

The one place of the recorder that imports OpenCV, whose import points Qt at its own plugins: that is undone here, so
that PyQt6 works in the same process.
"""

from __future__ import annotations

import enum
import os

import numpy as np
from numpy.typing import NDArray

_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_before = {name: os.environ.get(name) for name in _QT_VARIABLES}

import cv2  # noqa: E402

for _name, _value in _before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value


class Encoding(enum.StrEnum):
    """How a picture is kept."""

    PNG = "png"
    """Without loss: what a policy is shown. A lamp is one to three pixels of its picture, and JPEG's halved colour
    leaves 3 to 55 % of such a lamp's red and green."""
    JPEG = "jpeg"


def encode_picture(image: NDArray[np.uint8], encoding: Encoding, quality: int = 90) -> bytes:
    """The file of an (height, width, 3) RGB picture; `quality` is JPEG's. Raises ValueError for anything else."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"a picture must be (height, width, 3) uint8 RGB, this one is {image.shape} {image.dtype}")
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if encoding is Encoding.JPEG else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    try:
        done, data = cv2.imencode(f".{encoding}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    except cv2.error as error:
        raise ValueError(f"OpenCV could not encode a picture of {image.shape}: {error}") from error
    if not done:
        raise ValueError(f"OpenCV could not encode a picture of {image.shape}")
    return data.tobytes()


def decode_picture(data: bytes) -> NDArray[np.uint8]:
    """The (height, width, 3) RGB picture in a file's bytes. Raises ValueError when they hold none."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as error:
        raise ValueError(f"{len(data)} bytes are no readable picture: {error}") from error
    if image is None:
        raise ValueError(f"{len(data)} bytes are no readable picture")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
