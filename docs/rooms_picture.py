"""Draws `docs/images/rooms.svg`: the rooms inside each package, in the order of their arrows.

    python docs/rooms_picture.py

The order is read from the import-linter contracts in `setup.cfg`, so the picture shows what `lint-imports` checks.
"""

from __future__ import annotations

import configparser
import html
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = Path(__file__).parent / "images" / "rooms.svg"
COLUMNS = (("app", "app.gui", "refine"), ("cockpit", "policy", "recorder"), ("sim",))
"""Packages (and one room with rooms of its own) from left to right, each column from top to bottom."""
COLUMN_PX, GAP_PX, ROW_PX, BOX_PX, HEAD_PX = 400, 24, 48, 28, 40
FONT_PX, LETTER_PX = 13, 7.4
STYLE = (
    ".p{fill:#f6f8fa;stroke:#57606a;stroke-width:1.5}.r{fill:#fff;stroke:#0969da}"
    ".t{font-weight:600;font-size:15px;fill:#1f2328}.n{fill:#1f2328;text-anchor:middle}.s{fill:#57606a}"
    ".a{stroke:#1f2328;stroke-width:1.5;fill:none;marker-end:url(#m)}"
)
MARKER = (
    '<defs><marker id="m" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L10 5L0 10z" fill="#1f2328"/></marker></defs>'
)


@dataclass(frozen=True)
class Layers:
    """The rooms of one package, the topmost first; rooms of one row stand side by side."""

    package: str
    rows: tuple[tuple[str, ...], ...]

    @property
    def height_px(self) -> float:
        """Of the package's box."""
        return HEAD_PX + ROW_PX * len(self.rows)


def read_layers(text: str) -> dict[str, Layers]:
    """The layers of each container that `setup.cfg`'s text has a contract for, by the container's name."""
    parser = configparser.ConfigParser()
    parser.read_string(text)
    found = {}
    for section in parser.sections():
        package = parser.get(section, "containers", fallback="").strip()
        if package:
            lines = parser.get(section, "layers").split("\n")
            rows = tuple(tuple(line.replace(":", "|").replace(" ", "").split("|")) for line in lines if line.strip())
            found[package] = Layers(package, rows)
    return found


def draw(layers: dict[str, Layers]) -> str:
    """The picture as SVG text."""
    parts, lowest_px = [], 0.0
    for number, column in enumerate(COLUMNS):
        x, y = GAP_PX + number * (COLUMN_PX + GAP_PX), float(GAP_PX)
        for package in column:
            parts += _package(layers[package], x, y)
            y += layers[package].height_px + GAP_PX
        lowest_px = max(lowest_px, y)
    width, height = GAP_PX + len(COLUMNS) * (COLUMN_PX + GAP_PX), lowest_px + GAP_PX
    note = "A room may import the rooms below it, never one above. Drawn from the contracts in setup.cfg."
    parts.append(f'<text class="s" x="{GAP_PX}" y="{height - 12:g}">{note}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" '
        f'font-family="system-ui, -apple-system, \'DejaVu Sans\', sans-serif" font-size="{FONT_PX}">\n'
        f'<style>{STYLE}</style>{MARKER}\n<rect width="{width}" height="{height:g}" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _package(layers: Layers, x: float, y: float) -> list[str]:
    parts = [
        f'<rect class="p" x="{x:g}" y="{y:g}" width="{COLUMN_PX}" height="{layers.height_px:g}" rx="8"/>',
        f'<text class="t" x="{x + 14:g}" y="{y + 24:g}">{layers.package}/</text>',
    ]
    centre = x + COLUMN_PX / 2
    for number, row in enumerate(layers.rows):
        top = y + HEAD_PX - 4 + number * ROW_PX
        if number:
            parts.append(f'<path class="a" d="M{centre:g} {top - ROW_PX + BOX_PX:g}V{top - 1:g}"/>')
        parts += _row(row, centre, top)
    return parts


def _row(names: tuple[str, ...], centre: float, top: float) -> list[str]:
    widths = [len(name) * LETTER_PX + 20 for name in names]
    left, parts = centre - (sum(widths) + 8 * (len(names) - 1)) / 2, []
    for name, width in zip(names, widths, strict=True):
        parts.append(f'<rect class="r" x="{left:g}" y="{top:g}" width="{width:g}" height="{BOX_PX}" rx="5"/>')
        parts.append(f'<text class="n" x="{left + width / 2:g}" y="{top + 19:g}">{html.escape(name)}</text>')
        left += width + 8
    return parts


if __name__ == "__main__":
    PICTURE.write_text(draw(read_layers((ROOT / "setup.cfg").read_text(encoding="utf-8"))), encoding="utf-8")
