"""Small pieces that the application's pages are put together from."""

from __future__ import annotations

import re

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.gui import theme
from recorder.schema import Plan


def label(text: str = "", role: str = "", wraps: bool = False) -> QLabel:
    """Text in one of the theme's roles: dim, title, heading, value."""
    made = QLabel(text)
    made.setProperty("role", role)
    made.setWordWrap(wraps)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made


def button(text: str, role: str = "") -> QPushButton:
    """A button in one of the theme's roles: primary, danger, tab, quiet."""
    made = QPushButton(text)
    made.setProperty("role", role)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


def flexible(text: QLabel) -> QLabel:
    """The same label, wrapping at any width instead of asking for one."""
    text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return text


class Card(QFrame):
    """A framed group with a heading; `body` takes what is in it."""

    def __init__(self, heading: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(theme.GAP + 2, theme.GAP, theme.GAP + 2, theme.GAP)
        self.body.setSpacing(theme.GAP // 2)
        if heading:
            self.body.addWidget(label(heading.upper(), "heading"))


class Facts(QWidget):
    """Name and value in two columns, the values changing as the drive goes on."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.setProperty("role", "clear")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        self._values: dict[str, QLabel] = {}
        for name in names:
            row = QHBoxLayout()
            value = label("–", "value")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._values[name] = value
            row.addWidget(label(name, "dim"))
            row.addStretch()
            row.addWidget(value)
            column.addLayout(row)

    def show_fact(self, name: str, text: str, colour: str = "") -> None:
        """Change one value; only repaints what changed."""
        value = self._values[name]
        if value.text() != text:
            value.setText(text)
        style = f"color: {colour};" if colour else ""
        if value.styleSheet() != style:
            value.setStyleSheet(style)

    def text(self, name: str) -> str:
        """The value that is shown."""
        return self._values[name].text()


def answer_words(plan: Plan) -> str:
    """The policy's answer for people: what it wrote, its action tokens as plain numbers."""
    said = re.sub(r"(<act_\d+>\s*)+", "", plan.text).strip()
    actions = " ".join(str(token) for token in plan.tokens)
    return f"{said}\nActions: {actions}" if actions else said


def framed(layout: QLayout) -> QWidget:
    """A plain widget around a layout without margins."""
    layout.setContentsMargins(0, 0, 0, 0)
    made = QWidget()
    made.setProperty("role", "clear")
    made.setLayout(layout)
    return made
