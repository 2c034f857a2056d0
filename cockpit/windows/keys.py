"""Qt's key strokes as driving keys."""

from __future__ import annotations

from PyQt6.QtCore import Qt

from cockpit.devices.keyboard import Key

KEY_OF = {
    Qt.Key.Key_A: Key.LEFT,
    Qt.Key.Key_Left: Key.LEFT,
    Qt.Key.Key_D: Key.RIGHT,
    Qt.Key.Key_Right: Key.RIGHT,
    Qt.Key.Key_W: Key.THROTTLE,
    Qt.Key.Key_Up: Key.THROTTLE,
    Qt.Key.Key_S: Key.BRAKE,
    Qt.Key.Key_Down: Key.BRAKE,
    Qt.Key.Key_Space: Key.HARD_BRAKE,
    Qt.Key.Key_B: Key.HAND_BRAKE,
    Qt.Key.Key_R: Key.REVERSE,
    Qt.Key.Key_T: Key.TAKEOVER,
    Qt.Key.Key_Return: Key.TAKEOVER,
    Qt.Key.Key_Enter: Key.TAKEOVER,
    Qt.Key.Key_H: Key.HAND_BACK,
    Qt.Key.Key_Backspace: Key.REWIND,
}


def driving_key(qt_key: int) -> Key | None:
    """The driving key of a Qt key code, or None."""
    try:
        return KEY_OF.get(Qt.Key(qt_key))
    except ValueError:
        return None  # a vendor key that Qt has no name for
