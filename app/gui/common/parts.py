"""Small widgets of which the application's pages are built."""

from __future__ import annotations

import re

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.gui.common import theme
from app.gui.common.texts import say
from recorder.schema import Plan

CAPTION_WIDTH, FIELD_HEIGHT = 62, 30
LEAST_CHARACTERS = 6


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
        self.body.setContentsMargins(
            theme.px(theme.GAP + 2), theme.px(theme.GAP), theme.px(theme.GAP + 2), theme.px(theme.GAP)
        )
        self.body.setSpacing(theme.px(theme.GAP / 2))
        if heading:
            self.body.addWidget(label(heading.upper(), "heading"))


class Facts(QWidget):
    """Name and value in two columns, the values changing as the drive goes on; names are keys below `facts`."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.setProperty("role", "clear")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(4))
        self._values: dict[str, QLabel] = {}
        for name in names:
            row = QHBoxLayout()
            value = label("–", "value")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._values[name] = value
            row.addWidget(label(say(f"facts.{name}"), "dim"))
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
    """The policy's answer as shown to people: its text, its action tokens as plain numbers."""
    answer = re.sub(r"(<act_\d+>\s*)+", "", plan.text).strip()
    actions = " ".join(str(token) for token in plan.tokens)
    return f"{answer}\n{say('policy.actions', actions=actions)}" if actions else answer


class Message(QLabel):
    """One message to the experimenter; hidden while it is empty."""

    def __init__(self) -> None:
        super().__init__("")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.show_message("")

    def show_message(self, text: str, is_bad: bool = False) -> None:
        """Show a message, problems in red; an empty one hides the widget."""
        self.setText(text)
        self.setVisible(bool(text))
        colour = "#FFB3B3" if is_bad else theme.ACCENT.name()
        edge = "#7A2C33" if is_bad else theme.LINE.name()
        self.setStyleSheet(
            f"color: {colour}; background: {theme.SURFACE.name()}; border: 1px solid {edge};"
            f" border-radius: {theme.px(8)}px; padding: {theme.px(8)}px;"
        )


def combo_box() -> QComboBox:
    """A combo box that takes the available width and requires little."""
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(LEAST_CHARACTERS)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def form_rows(*rows: tuple[str, QWidget]) -> QWidget:
    """Captions and their fields in two columns; a row without a caption has its field under the others'."""
    form = QFormLayout()
    form.setHorizontalSpacing(theme.px(theme.GAP))
    form.setVerticalSpacing(theme.px(6))
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for name, field in rows:
        caption = label(name, "dim")
        caption.setMinimumSize(theme.px(CAPTION_WIDTH), theme.px(FIELD_HEIGHT))
        form.addRow(caption, field)
    return framed(form)


def scrolled(widget: QWidget) -> QScrollArea:
    """A widget in an area that scrolls it up and down where it is too high."""
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def framed(layout: QLayout) -> QWidget:
    """A plain widget around a layout without margins."""
    layout.setContentsMargins(0, 0, 0, 0)
    made = QWidget()
    made.setProperty("role", "clear")
    made.setLayout(layout)
    return made
