"""All screens of a tick show one frame: its number is drawn into the pictures and read back from the displays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QColor, QImage, QPainter

from benchmarks.virtual_displays import virtual_displays
from cockpit.windows.frame_code import MODULUS, draw_frame_code, read_frame_code
from cockpit.windows.timing import PhotonMeter
from tests.cockpit.windows.test_straight_line import child


def painted(frame, width, height):
    image = QImage(width, height, QImage.Format.Format_RGB888)
    image.fill(QColor(90, 120, 60))
    painter = QPainter(image)
    draw_frame_code(painter, QRectF(0, 0, width, height), frame)
    painter.end()
    bits = image.constBits()
    assert bits is not None
    flat = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8)
    return flat.reshape(height, image.bytesPerLine())[:, : 3 * width].reshape(height, width, 3).copy()


@settings(max_examples=40)
@given(frame=st.integers(0, 2**31), size=st.sampled_from([(640, 360), (960, 640), (1280, 720), (1920, 1080)]))
def test_every_frame_number_comes_back_from_pictures_of_every_size(frame, size):
    assert read_frame_code(painted(frame, *size)) == frame % MODULUS


def test_a_picture_without_a_code_or_with_a_torn_one_gives_none():
    assert read_frame_code(np.full((360, 640, 3), 128, np.uint8)) is None
    torn = painted(0b101010101, 640, 360)
    torn[:, 25 + 5 * 20 : 25 + 5 * 21] = 255  # one block painted over
    assert read_frame_code(torn) is None


@pytest.mark.parametrize(("renderer", "ticks"), [("cpu", 100), ("gl", 25)])
def test_every_screen_shows_the_same_frame_in_every_tick(renderer, ticks):
    """Three displays, a window on each; `benchmarks/driver_view.py --displays 3` does it for 2,000 ticks."""
    with virtual_displays(3) as environment:
        report = child(environment, "ids", renderer, str(ticks))
    assert report["wrong"] == []
    assert report["painted"] == ticks
    assert report["windows"] == {"left": "D0", "centre": "D1", "right": "D2"}


def test_the_delay_of_an_input_ends_with_the_last_screens_swap():
    meter = PhotonMeter(screens=2)
    meter.painting(5, event_time_s=100.0)
    assert not meter.swapped("left", 5, 100.05)
    assert meter.swapped("right", 5, 100.08)
    meter.painting(6, event_time_s=100.0)  # no new input: nothing to measure
    meter.swapped("left", 6, 100.10)
    meter.swapped("right", 6, 100.11)
    assert list(meter.delays_s) == [pytest.approx(0.08)]
    assert meter.complete_frame == 6


def test_a_tick_that_a_screen_skipped_counts_for_nothing():
    meter = PhotonMeter(screens=2)
    meter.painting(5, event_time_s=100.0)
    meter.swapped("left", 5, 100.02)
    meter.painting(6, event_time_s=100.1)
    meter.swapped("left", 6, 100.15)
    meter.swapped("right", 6, 100.16)
    assert list(meter.delays_s) == [pytest.approx(0.06)]


def test_screens_that_skip_a_fifth_of_the_ticks_are_slow():
    meter = PhotonMeter(screens=1)
    for number in range(200):
        meter.tick_came(was_dropped=number % 5 == 0)
    assert meter.dropped_share() == pytest.approx(0.2)
    assert meter.is_slow()
