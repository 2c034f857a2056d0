"""In which order a participant drives the conditions: pure functions from (conditions, participant) to an order.

A balanced Latin square (Williams, "Experimental designs balanced for the estimation of residual effects of
treatments", Australian Journal of Scientific Research A 2, 1949): every condition is equally often in every place,
and follows every other condition equally often, so that neither practice nor carry-over falls on one of them alone.
"""

from __future__ import annotations

import enum


class Ordering(enum.StrEnum):
    """How the order is found."""

    WILLIAMS = "williams"
    """Balanced for place and for what came before: n rows for an even number of conditions, 2n for an odd one."""
    LATIN = "latin"
    """Balanced for place alone: n rows, each the one before moved on by one."""
    AS_LISTED = "as_listed"
    """Every participant drives them in the file's order."""


def williams_square(count: int) -> tuple[tuple[int, ...], ...]:
    """Orders of the conditions 0 .. count - 1, one a row. Raises ValueError for no condition."""
    if count < 1:
        raise ValueError("an order needs at least one condition")
    zigzag = [0]
    for step in range(1, count):
        zigzag.append((step + 1) // 2 if step % 2 else count - step // 2)
    rows = [tuple((place + row) % count for place in zigzag) for row in range(count)]
    if count % 2 and count > 1:
        rows += [tuple(reversed(row)) for row in rows]
    return tuple(rows)


def latin_square(count: int) -> tuple[tuple[int, ...], ...]:
    """The cyclic square: row r begins with condition r. Raises ValueError for no condition."""
    if count < 1:
        raise ValueError("an order needs at least one condition")
    return tuple(tuple((place + row) % count for place in range(count)) for row in range(count))


def orders(ordering: Ordering, count: int) -> tuple[tuple[int, ...], ...]:
    """All rows; participants are assigned to them in turn."""
    if ordering is Ordering.WILLIAMS:
        return williams_square(count)
    if ordering is Ordering.LATIN:
        return latin_square(count)
    return (tuple(range(count)),)


def order_for(ordering: Ordering, count: int, number: int) -> tuple[int, ...]:
    """The order of participant `number` (counted from 1): rows are assigned in turn, and again from the first."""
    rows = orders(ordering, count)
    return rows[(number - 1) % len(rows)]
