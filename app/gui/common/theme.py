"""The application's theme: one dark palette (that of the driver's instruments), one scale of type, one of spacing."""

from __future__ import annotations

import os
import re

from PyQt6.QtGui import QColor, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

from cockpit.windows import palette

SURFACE = QColor("#11171F")
RAISED = QColor("#1A222D")
LINE = QColor("#28323F")
ACCENT = palette.TONES[palette.Tone.POLICY]
GAP = 12
"""Pixels between widgets of different groups; half of it inside a group."""

SMALL, BODY, TITLE, LARGE, HUGE = 11, 13, 15, 22, 30
"""Font heights in pixels. These and all other sizes are meant for a laptop's display: `px` scales them."""

SCALE_VARIABLE = "TAKEOVER_SCALE"
REFERENCE = (1440, 860)
"""Width and height of a display on which nothing is scaled."""
LEAST_SCALE, MOST_SCALE = 1.0, 2.5


class _Size:
    scale = 1.0


def scale() -> float:
    """How much larger everything is than on a laptop."""
    return _Size.scale


def px(pixels: float) -> int:
    """A size as it is on this display, in pixels."""
    return round(pixels * _Size.scale)


def scale_for(width: int, height: int) -> float:
    """How much larger everything is on a display of this size: 1 on a laptop, 2.5 on a 4K wall, in quarters."""
    share = min(width / REFERENCE[0], height / REFERENCE[1])
    return min(max(round(4 * share) / 4, LEAST_SCALE), MOST_SCALE)


def set_scale(scale: float) -> None:
    """For the widgets that are built from now on."""
    _Size.scale = scale


_STYLE = f"""
* {{ font-family: {", ".join(f'"{name}"' for name in palette.FAMILIES)}; font-size: {BODY}px; }}
QWidget {{ color: {palette.INK.name()}; background: {palette.GROUND.name()}; }}
QLabel, QWidget[role="clear"] {{ background: transparent; }}
QLabel[role="dim"] {{ color: {palette.DIM.name()}; font-size: {SMALL}px; }}
QLabel[role="title"] {{ font-size: {TITLE}px; font-weight: 600; }}
QLabel[role="asked"] {{ font-size: {LARGE}px; font-weight: 600; }}
QLabel[role="heading"] {{ color: {palette.DIM.name()}; font-size: {SMALL}px; font-weight: 700; }}
QLabel[role="value"] {{ font-weight: 600; }}
QFrame[role="card"] {{ background: {SURFACE.name()}; border: 1px solid {LINE.name()}; border-radius: 8px; }}
QFrame[role="header"] {{ background: {SURFACE.name()}; border-bottom: 1px solid {LINE.name()}; }}
QFrame[role="header"] QWidget {{ background: transparent; }}
QComboBox, QAbstractSpinBox, QLineEdit {{
    background: {RAISED.name()}; border: 1px solid {LINE.name()}; border-radius: 6px;
    padding: 5px 8px; min-height: 18px;
}}
QComboBox:hover, QAbstractSpinBox:hover, QLineEdit:hover {{ border-color: {palette.FAINT.name()}; }}
QComboBox:focus, QAbstractSpinBox:focus, QLineEdit:focus {{ border-color: {ACCENT.name()}; }}
QComboBox:disabled, QAbstractSpinBox:disabled, QLineEdit:disabled {{
    color: {palette.FAINT.name()}; background: {SURFACE.name()};
}}
QComboBox::drop-down {{ border: none; width: 22px; }}
QComboBox::down-arrow {{
    image: none; width: 0; height: 0; margin-right: 8px;
    border-left: 4px solid {SURFACE.name()}; border-right: 4px solid {SURFACE.name()};
    border-top: 5px solid {palette.DIM.name()};
}}
QComboBox QAbstractItemView {{
    background: {RAISED.name()}; border: 1px solid {LINE.name()}; selection-background-color: #24405A; outline: none;
}}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
QPushButton {{
    background: {RAISED.name()}; border: 1px solid {LINE.name()}; border-radius: 6px;
    padding: 7px 14px; font-weight: 600;
}}
QPushButton:hover {{ border-color: {palette.DIM.name()}; }}
QPushButton:focus {{ border-color: {ACCENT.name()}; }}
QPushButton:disabled {{ color: {palette.FAINT.name()}; background: {SURFACE.name()}; }}
QPushButton[role="primary"] {{
    background: {ACCENT.name()}; color: #06131E; border: none; padding: 11px 14px; font-size: {TITLE}px;
}}
QPushButton[role="primary"]:hover {{ background: #7ACBFF; }}
QPushButton[role="primary"]:disabled {{ background: {RAISED.name()}; color: {palette.FAINT.name()}; }}
QPushButton[role="danger"] {{
    background: #4A1D22; color: #FFB3B3; border: 1px solid #7A2C33; padding: 11px 14px; font-size: {TITLE}px;
}}
QPushButton[role="danger"]:hover {{ background: #642830; }}
QPushButton[role="danger"]:disabled {{
    background: {SURFACE.name()}; color: {palette.FAINT.name()}; border-color: {LINE.name()};
}}
QPushButton[role="tab"] {{
    border: none; border-radius: 0; padding: 14px 18px; color: {palette.DIM.name()}; font-size: {BODY}px;
    border-bottom: 2px solid transparent;
}}
QPushButton[role="tab"]:hover {{ color: {palette.INK.name()}; }}
QPushButton[role="tab"]:checked {{ color: {palette.INK.name()}; border-bottom: 2px solid {ACCENT.name()}; }}
QPushButton[role="quiet"] {{ background: transparent; border: none; color: {palette.DIM.name()}; padding: 4px 8px; }}
QPushButton[role="quiet"]:hover {{ color: {palette.INK.name()}; }}
QCheckBox {{ spacing: 8px; background: transparent; }}
QCheckBox::indicator {{
    width: 14px; height: 14px; background: {RAISED.name()};
    border: 1px solid {palette.FAINT.name()}; border-radius: 4px;
}}
QCheckBox::indicator:checked {{ background: {ACCENT.name()}; border-color: {ACCENT.name()}; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 8px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {LINE.name()}; border-radius: 4px; min-height: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
    background: none; height: 0; border: none;
}}
QListWidget {{ background: transparent; border: none; outline: none; }}
QListWidget::item {{ border-radius: 8px; padding: 4px; }}
QListWidget::item:selected {{ background: #1B2E40; }}
QListWidget::item:hover:!selected {{ background: {RAISED.name()}; }}
QListWidget[role="log"]::item {{ padding: 2px; border-radius: 3px; }}
QTableWidget {{
    background: {RAISED.name()}; border: 1px solid {LINE.name()}; border-radius: 6px; gridline-color: {LINE.name()};
    selection-background-color: #24405A; selection-color: {palette.INK.name()};
}}
QTableWidget QLineEdit {{ padding: 0 4px; border-radius: 0; min-height: 0; }}
QHeaderView::section {{
    background: {SURFACE.name()}; color: {palette.DIM.name()}; border: none; padding: 4px 6px; font-size: {SMALL}px;
}}
QPushButton[role="tool"] {{ padding: 6px 10px; }}
QPushButton:checked {{ background: #24405A; border-color: {ACCENT.name()}; }}
QSplitter::handle {{ background: transparent; }}
QToolTip {{ background: {RAISED.name()}; color: {palette.INK.name()}; border: 1px solid {LINE.name()}; padding: 4px; }}
"""


def style() -> str:
    """The style sheet at the present scale; hair lines stay one pixel."""
    return re.sub(r"(\d+)px", lambda size: f"{px(int(size[1])) if int(size[1]) > 1 else 1}px", _STYLE)


def _display_scale() -> float:
    asked = os.environ.get(SCALE_VARIABLE, "")
    if re.fullmatch(r"\d+(\.\d+)?", asked) and float(asked) > 0.0:
        return float(asked)
    screen = QGuiApplication.primaryScreen()
    return 1.0 if screen is None else scale_for(screen.size().width(), screen.size().height())


def apply_theme(application: QApplication) -> None:
    """Apply the theme to the whole application, scaled to its display."""
    set_scale(_display_scale())
    application.setStyle("Fusion")
    colours = QPalette()
    for role, colour in (
        (QPalette.ColorRole.Window, palette.GROUND),
        (QPalette.ColorRole.Base, RAISED),
        (QPalette.ColorRole.Text, palette.INK),
        (QPalette.ColorRole.WindowText, palette.INK),
        (QPalette.ColorRole.ButtonText, palette.INK),
        (QPalette.ColorRole.Button, RAISED),
        (QPalette.ColorRole.Highlight, ACCENT),
        (QPalette.ColorRole.PlaceholderText, palette.FAINT),
    ):
        colours.setColor(role, colour)
    application.setPalette(colours)
    application.setStyleSheet(style())
