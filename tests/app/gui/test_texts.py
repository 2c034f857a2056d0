"""The window's words: all in one file, none missing, none unused, and replaced by those of another language."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from app.gui.common import texts
from app.gui.common.texts import LANGUAGE_VARIABLE, read_texts, say
from cockpit.assets import asset

APP = Path(texts.__file__).parents[2]
ENGLISH = read_texts(asset("texts", "en.yaml"))
SOURCES = sorted((APP / "gui").rglob("*.py"))
BUILT = ("facts.", "keys.", "origin.", "ordering.", "phase.", "setup.open_", "tabs.", "state.", "step.", "step_name.")
"""Prefixes of the keys that the program builds from a name."""
WORDS_TO = {"label", "button", "Card", "setToolTip", "setPlaceholderText", "QCheckBox", "tell", "addItem"}


def calls(path):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


def name_of(call):
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def literals(path):
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_key_that_is_used_has_a_text():
    for path in SOURCES:
        for call in calls(path):
            if name_of(call) == "say" and isinstance(call.args[0], ast.Constant):
                assert call.args[0].value in ENGLISH, f"{path.name}: {call.args[0].value}"


def test_no_text_is_unused():
    used = set().union(*(literals(path) for path in SOURCES))
    left = [key for key in ENGLISH if key not in used and not key.startswith(BUILT)]
    assert left == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_page_has_texts_in_its_code(path):
    """Words belong in the texts' file; the code holds only symbols, format strings and the product's name."""
    for call in calls(path):
        if name_of(call) in WORDS_TO:
            for value in (arg.value for arg in call.args[:1] if isinstance(arg, ast.Constant)):
                literal = value if isinstance(value, str) else ""
                assert literal == "Takeover" or not re.search(r"[A-Za-z]{2}", literal), f"{path.name}: {literal!r}"


def test_a_translation_takes_the_place_of_what_it_has(tmp_path, monkeypatch):
    path = tmp_path / "de.yaml"
    path.write_text(yaml.safe_dump({"run": {"pause": "Anhalten"}, "nonsense": {"x": "y"}}))
    monkeypatch.setenv(LANGUAGE_VARIABLE, str(path))
    assert say("run.pause") == "Anhalten"
    assert say("run.mark") == ENGLISH["run.mark"]


def test_a_language_that_is_not_there_is_english(monkeypatch):
    monkeypatch.setenv(LANGUAGE_VARIABLE, "klingon")
    assert say("run.pause") == ENGLISH["run.pause"]
