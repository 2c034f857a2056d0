"""A frame's number as black and white blocks in the picture, so that a camera or a grab of the screen can read it.

32 blocks in a row at the picture's lower left: white, black, 24 bits of the frame's number (modulo 2^24, highest
first), and six bits of checksum. Pure, but for the painting.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QPainter

NUMBER_BITS, CHECK_BITS = 24, 6
BLOCKS = 2 + NUMBER_BITS + CHECK_BITS
MODULUS = 1 << NUMBER_BITS


def code_area(width: float, height: float) -> tuple[float, float, float, float]:
    """Left, top, width, height of the row of blocks in a picture of this size; 640x360 blocks are 5 by 10 pixels."""
    block = width / 128
    return width * 0.04, height - 3 * block, BLOCKS * block, 2 * block


def blocks(frame: int) -> tuple[bool, ...]:
    """The blocks of a frame's number, True is white."""
    number = frame % MODULUS
    word = (number << CHECK_BITS) | _checksum(number)
    return (True, False, *(bool(word >> bit & 1) for bit in reversed(range(NUMBER_BITS + CHECK_BITS))))


def draw_frame_code(painter: QPainter, area: QRectF, frame: int) -> None:
    """Paint the blocks of `frame` over the picture in `area`."""
    left, top, width, height = code_area(area.width(), area.height())
    step = width / BLOCKS
    painter.setPen(Qt.PenStyle.NoPen)
    for index, is_white in enumerate(blocks(frame)):
        painter.setBrush(QColor("white") if is_white else QColor("black"))
        painter.drawRect(QRectF(area.left() + left + index * step, area.top() + top, step, height))


def read_frame_code(picture: NDArray[np.uint8]) -> int | None:
    """The frame's number modulo 2^24 in a (H, W, 3) picture of one screen; None when there is no sound code in it."""
    left, top, width, height = code_area(picture.shape[1], picture.shape[0])
    columns = (left + (np.arange(BLOCKS) + 0.5) * width / BLOCKS).astype(int)
    light = picture[int(top + height / 2), columns].max(axis=1).astype(int)
    white, black = light[0], light[1]
    if white - black < 64:
        return None
    bits = light[2:] > (white + black) / 2
    word = int("".join("1" if bit else "0" for bit in bits), 2)
    number = word >> CHECK_BITS
    return number if word & ((1 << CHECK_BITS) - 1) == _checksum(number) else None


def _checksum(number: int) -> int:
    """Six bits that every changed or shifted block alters: the number modulo a prime, turned over."""
    return ~(number % 61) & ((1 << CHECK_BITS) - 1)
