"""Scenarios of an evaluation: how many each policy came through, by type and by ability.

Bench2Drive's counting: a scenario that several abilities need counts for each of them; one that could not be played
counts for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cockpit.route.scenario_spec import Ability
from cockpit.scenarios.catalogue import TYPES
from cockpit.scenarios.judge import Phase, ScenarioOutcome
from refine.evaluate.results import Evaluation, Table


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    passed: int
    played: int

    def __str__(self) -> str:
        return f"{self.passed} / {self.played}" if self.played else "-"


def share_of(outcomes: Iterable[ScenarioOutcome]) -> Share:
    """How many were passed of those that were played; one that the ego never reached was not passed."""
    played = [one for one in outcomes if one.phase is not Phase.SKIPPED]
    return Share(sum(one.phase is Phase.PASSED for one in played), len(played))


def abilities_of(outcome: ScenarioOutcome) -> tuple[Ability, ...]:
    """What the scenario asks for; nothing for a type that is not known here."""
    kind = TYPES.get(outcome.type)
    return kind.abilities if kind is not None else ()


def scenario_tables(evaluation: Evaluation) -> list[Table]:
    """Passed of played, policies side by side: by ability, and by type. Empty when no route had a scenario."""
    names = [policy.name for policy in evaluation.policies]
    played = {name: [one for run in evaluation.of(name) for one in run.scenarios] for name in names}
    kinds = sorted({one.type for some in played.values() for one in some})
    if not kinds:
        return []
    by_ability = [
        (ability.value, *(str(share_of(one for one in played[name] if ability in abilities_of(one))) for name in names))
        for ability in Ability
    ]
    by_type = [
        (kind, *(str(share_of(one for one in played[name] if one.type == kind)) for name in names)) for kind in kinds
    ]
    total = ("all", *(str(share_of(played[name])) for name in names))
    return [
        Table("Abilities (scenarios passed)", ("ability", *names), by_ability),
        Table("Scenarios (passed)", ("type", *names), [*by_type, total]),
    ]
