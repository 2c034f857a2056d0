"""The texts of the application's window, all in one file: `assets/texts/en.yaml`, which can be copied and translated.

`say("run.pause")` gives the text of a key in the language of the environment variable TAKEOVER_LANGUAGE (a shipped
language's name or a file's path); texts that a translation lacks stay English. The *driver's* texts are in
`cockpit.windows.instruments`.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cockpit.assets import asset

log = logging.getLogger(__name__)

LANGUAGE_VARIABLE = "TAKEOVER_LANGUAGE"
ENGLISH = "en"


def say(key: str, **values: object) -> str:
    """The text of a key, with `{name}` replaced by `values`. Raises KeyError for a key that English does not have."""
    return texts(os.environ.get(LANGUAGE_VARIABLE, ENGLISH))[key].format(**values)


@cache
def texts(language: str) -> dict[str, str]:
    """All texts of a language by their keys, English where it has none."""
    english = read_texts(asset("texts", f"{ENGLISH}.yaml"))
    if language == ENGLISH:
        return english
    shipped = asset("texts", f"{language}.yaml")
    path = shipped if shipped.is_file() else Path(language)
    try:
        translated = read_texts(path)
    except (OSError, yaml.YAMLError, AttributeError) as error:
        log.warning("language '%s' cannot be read (%s): the window speaks English", language, error)
        return english
    return english | {key: text for key, text in translated.items() if key in english}


def read_texts(path: Path) -> dict[str, str]:
    """A file's texts, its groups joined by dots."""
    return dict(_flat(yaml.safe_load(path.read_text(encoding="utf-8")), ""))


def _flat(group: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in group.items():
        key = f"{prefix}{name}"
        found += _flat(value, key + ".") if isinstance(value, dict) else [(key, str(value))]
    return found
