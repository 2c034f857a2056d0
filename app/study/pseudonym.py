"""Participants' pseudonyms: a code such as `p07`, never anything by which a person could be identified.

The check guards against habit (typing a name or an address into the field) and is no proof of anonymity: the list that
connects codes with people must be kept elsewhere, locked away.
"""

from __future__ import annotations

import re

PREFIXES = frozenset(
    {"driver", "id", "p", "part", "participant", "pilot", "proband", "s", "sub", "subj", "subject", "test", "vp", "vpn"}
)
"""Words that stand before a participant's number in usual practice (BIDS has `sub-01`)."""
LONGEST = 16
MOST_LETTERS = 2
"""A longer run of letters that is none of the prefixes reads as a name."""
MOST_DIGITS = 6
"""More digits in a row may be a telephone number, a date of birth or a matriculation number."""
EXAMPLE = "use a code such as p07 or sub-12, from a list that is kept elsewhere"


def pseudonym_problem(text: str) -> str:
    """Why `text` is not accepted as a participant's code, with an example of a good one; empty when it is accepted."""
    if not text:
        return f"the participant's code is missing; {EXAMPLE}"
    if "@" in text:
        return f"'{text}' looks like an e-mail address; {EXAMPLE}"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text) or len(text) > LONGEST:
        return f"'{text}' is no code (letters, digits, - and _, {LONGEST} at most); {EXAMPLE}"
    if re.search(r"\d{4}[-_]\d{1,2}[-_]\d{1,2}|\d{1,2}[-_]\d{1,2}[-_]\d{2,4}", text):
        return f"'{text}' looks like a date; {EXAMPLE}"
    if any(len(run) > MOST_DIGITS for run in re.findall(r"\d+", text)):
        return f"'{text}' looks like a telephone or a registration number; {EXAMPLE}"
    words = [run for run in re.findall(r"[A-Za-z]+", text) if run.lower() not in PREFIXES]
    if any(len(word) > MOST_LETTERS for word in words):
        return f"'{text}' looks like a name; {EXAMPLE}"
    if not re.search(r"\d", text):
        return f"'{text}' has no number; {EXAMPLE}"
    return ""


def participant_number(text: str) -> int:
    """The last number in a code: 7 for `p07`. Raises ValueError when there is none."""
    numbers = re.findall(r"\d+", text)
    if not numbers:
        raise ValueError(f"'{text}' has no number")
    return int(numbers[-1])
