"""Colours and type of everything on screen, the driver's windows and the application alike."""

from __future__ import annotations

from PyQt6.QtGui import QColor, QFont

from cockpit.windows.instruments import Tone

FAMILIES = ["Inter", "Noto Sans", "Open Sans", "DejaVu Sans"]

INK = QColor("#F2F5F8")
DIM = QColor("#9FB0C0")
FAINT = QColor("#5A6A7A")
PANEL = QColor(10, 14, 20, 178)
PANEL_EDGE = QColor(255, 255, 255, 26)
GROUND = QColor("#0B0F14")
THROTTLE = QColor("#5BE49B")
BRAKE = QColor("#FF5A5A")
STEER = QColor("#F2F5F8")

TONES = {
    Tone.POLICY: QColor("#4CB8FF"),
    Tone.HUMAN: QColor("#4FE08E"),
    Tone.ALERT: QColor("#FF4B4B"),
    Tone.BLEND: QColor("#FFC14A"),
    Tone.STOP: QColor("#FF6A3D"),
}


def font(pixels: float, bold: bool = False) -> QFont:
    """Sans serif at a height in pixels."""
    result = QFont(FAMILIES)
    result.setPixelSize(max(6, round(pixels)))
    result.setWeight(QFont.Weight.Bold if bold else QFont.Weight.Medium)
    return result


def faded(colour: QColor, alpha: float) -> QColor:
    """The same colour at `alpha` 0..1."""
    result = QColor(colour)
    result.setAlphaF(max(0.0, min(1.0, alpha)))
    return result
