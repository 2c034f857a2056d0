"""Errors as the window shows them."""

from __future__ import annotations

from pydantic import ValidationError


def error_words(error: Exception) -> str:
    """The error's message, of pydantic's errors each field's; the name of the error's type where there is none."""
    if isinstance(error, ValidationError):
        return "\n".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
    return str(error) or type(error).__name__
