"""Ticks for the application's tests: the recorder's plain ones, found beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "recorder"))

from tick_strategies import INFO, plain_tick

__all__ = ["INFO", "plain_tick"]
