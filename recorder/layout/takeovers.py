"""What a takeover is: when the policy lost the car, when it had it again, who drove, and why.

The one definition, shared by recorder, pairs, measures and report. Pure functions over rows with one entry a tick;
`recorder.reading` takes them from a segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from recorder.schema import Authority, DriverKind, Reason

Texts = Sequence[str] | NDArray[Any]
"""One text a tick, for example a column of a segment."""
NOTE_TICKS = 20
"""Ticks within which a note belongs to the tick that it explains: 1 s at 20 Hz. The expert gives its note together with
the button; what a driver reports a second later is about something else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The tick in which the person (or the expert) has the car, within a takeover."""

    index: int
    """The takeover's first tick, or a later one where a safe stop came before."""
    reason: Reason
    """How the person took it."""
    note: str
    """The driver's note from there on; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """One takeover; indices count the ticks of the row in which it was found."""

    first: int
    """First tick in which the policy has lost the car, to the person or to the safe stop."""
    end: int | None
    """First tick in which the policy has the car again; None when the row ends, or the next takeover begins, before."""
    driver: DriverKind
    """Who sat at the wheel."""
    reason: Reason
    """Why the policy lost the car."""
    note: str
    """The driver's note about it, such as 'collision ahead'; empty when there is none."""
    answer: Answer | None
    """When the person took the car; None for a safe stop that nobody answered."""


def is_takeover(before: Authority, now: Authority) -> bool:
    """Whether the policy lost the car between two ticks."""
    return now.is_taken and not before.is_taken


def takeovers(
    authority: Sequence[Authority],
    reasons: Texts,
    drivers: Texts,
    notes: Texts,
    *,
    began_taken: bool = False,
) -> list[Takeover]:
    """Every takeover in rows of one entry a tick, in order.

    A row that starts in a taken state starts with a takeover only where `began_taken` says so: else the takeover lies
    before the row. Who takes the car while control blends back to the policy has taken over again.
    Raises ValueError for a reason or a driver that the schema does not have.
    """
    found = []
    for first, end in _spans(authority, began_taken):
        last = len(authority) if end is None else end
        person = next((index for index in range(first, last) if authority[index] is Authority.HUMAN), None)
        found.append(
            Takeover(
                first=first,
                end=end,
                driver=DriverKind(drivers[first]),
                reason=Reason(reasons[first]),
                note=note_from(notes, first),
                answer=None if person is None else Answer(person, Reason(reasons[person]), note_from(notes, person)),
            )
        )
    return found


def note_from(notes: Texts, index: int) -> str:
    """The first note within `NOTE_TICKS` ticks from tick `index` on; empty when there is none."""
    return next((str(note) for note in notes[index : index + NOTE_TICKS] if note), "")


def _spans(authority: Sequence[Authority], began_taken: bool) -> list[tuple[int, int | None]]:
    """First tick and end of every takeover."""
    found: list[tuple[int, int | None]] = []
    for index, state in enumerate(authority):
        if is_takeover(authority[index - 1], state) if index else state.is_taken and began_taken:
            found.append((index, None))
        elif state is Authority.POLICY and found and found[-1][1] is None:
            found[-1] = (found[-1][0], index)
    return found
