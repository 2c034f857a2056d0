"""The window's keyboard shortcuts, in one table, and the dialogue that shows them."""

from __future__ import annotations

from PyQt6.QtWidgets import QDialog, QGridLayout, QWidget

from app.gui.common import theme
from app.gui.common.parts import label
from app.gui.common.texts import say

SHORTCUTS = {
    "start": "F5",
    "pause": "F6",
    "mark": "F7",
    "ask": "F8",
    "next": "F9",
    "stop": "F12",
    "abort": "Shift+F12",
    "note": "Ctrl+N",
    "prepare": "Ctrl+1",
    "run": "Ctrl+2",
    "after": "Ctrl+3",
    "wheel": "Ctrl+4",
    "help": "F1",
}
"""Name of the action to its shortcut; F10, F11 and Escape belong to the driver's windows."""


class KeysHelp(QDialog):
    """All shortcuts."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(say("tabs.keys"))
        grid = QGridLayout(self)
        grid.setContentsMargins(*[theme.px(20)] * 4)
        grid.setHorizontalSpacing(theme.px(24))
        for row, (name, keys) in enumerate(SHORTCUTS.items()):
            grid.addWidget(label(keys, "value"), row, 0)
            grid.addWidget(label(say(f"keys.{name}"), "dim"), row, 1)
