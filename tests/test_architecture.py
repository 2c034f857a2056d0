"""What docs/architecture.md and setup.cfg say of the tree holds: sizes, rooms, places to go to, checked arrows."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.rooms_picture import PICTURE, draw, read_layers

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "cockpit", "policy", "recorder", "refine", "sim")
CODE = (*PACKAGES, "assets", "benchmarks", "docs", "scripts", "tests")
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = (ROOT / "setup.cfg").read_text(encoding="utf-8")
MOST_LINES, MOST_MODULES = 400, 15

WRONG_IMPORTS = {
    "app/study/study.py": ("import app.gui.window", "app: "),
    "app/gui/common/theme.py": ("import app.gui.run.page", "app.gui: "),
    "cockpit/authority/arbitration.py": ("import cockpit.session.loop", "cockpit: "),
    "policy/control/tracking.py": ("import policy.vla.model", "policy: "),
    "recorder/layout/columns.py": ("import recorder.reading.reader", "recorder: "),
    "refine/data/pairs.py": ("import refine.rounds", "refine: "),
    "sim/town/roads.py": ("import sim.world.world", "sim: "),
    "sim/map/lanes.py": ("import sim.protocol.wire", "sim.protocol is known"),
    "sim/world/collisions.py": ("import moderngl", "all but the drawing of pictures"),
    "cockpit/config.py": ("import sim.world.world", "the only way to a world"),
}
"""A file, an import that must not stand there, and how the name of the contract that forbids it begins."""


def modules() -> list[Path]:
    return sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.py"))


def section(title: str) -> str:
    """The text below a heading of the page, up to the next heading."""
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def table_paths(text: str, column: int) -> list[str]:
    """Paths in backticks in one column of a table."""
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")]
    return [path for row in rows[2:] for path in re.findall(r"`([\w./-]+)`", row[column])]


def test_modules_over_400_lines_are_those_that_the_page_explains():
    long = {str(p.relative_to(ROOT)) for p in modules() if len(p.read_text(encoding="utf-8").splitlines()) > MOST_LINES}
    assert long == set(table_paths(section("Exceptions"), 0)) & {str(p.relative_to(ROOT)) for p in modules()}


def test_folders_with_more_than_15_modules_are_those_that_the_page_explains():
    counts: dict[str, int] = {}
    for path in modules():
        if path.name != "__init__.py":
            folder = str(path.parent.relative_to(ROOT))
            counts[folder] = counts.get(folder, 0) + 1
    crowded = {folder for folder, count in counts.items() if count > MOST_MODULES}
    assert crowded == {path for path in table_paths(section("Exceptions"), 0) if (ROOT / path).is_dir()}


def test_every_room_says_what_it_holds():
    silent = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_every_folder_with_modules_is_a_package():
    folders = {path.parent for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_the_page_sends_to_places_that_exist():
    places = table_paths(section("I want to change X: go to Y"), 1)
    assert len(places) >= 15
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_every_path_on_the_page_exists():
    words = re.findall(r"`((?:app|cockpit|policy|recorder|refine|sim|assets|tests|docs|benchmarks)/[\w./-]*)`", PAGE)
    assert [word for word in words if not (ROOT / word).exists()] == []


def test_the_picture_of_the_rooms_is_the_one_that_the_contracts_give():
    assert PICTURE.read_text(encoding="utf-8") == draw(read_layers(CONTRACTS))


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory) -> str:
    """What lint-imports prints for a copy of the packages with one wrong import for each contract."""
    copy = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=lambda _, names: [n for n in names if not _is_code(n)])
    shutil.copy(ROOT / "setup.cfg", copy)
    for file, (line, _) in WRONG_IMPORTS.items():
        with (copy / file).open("a", encoding="utf-8") as text:
            text.write(f"\n{line}\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env=_environment(copy))
    assert done.returncode == 1, done.stdout + done.stderr
    return " ".join(done.stdout.split("Broken contracts")[0].split())


@pytest.mark.parametrize("file", WRONG_IMPORTS)
def test_one_wrong_import_breaks_its_contract(file, verdicts):
    name = WRONG_IMPORTS[file][1]
    found = re.search(rf"{re.escape(name)}.*? (KEPT|BROKEN)", verdicts)
    assert found is not None, f"no contract begins with {name!r}"
    assert found[1] == "BROKEN"


def _is_code(name: str) -> bool:
    return name.endswith(".py") or "." not in name


def _environment(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "1000"}
