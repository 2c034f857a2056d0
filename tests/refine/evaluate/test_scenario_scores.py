"""Scenarios of an evaluation are counted by type and by ability, as Bench2Drive counts them."""

from __future__ import annotations

from cockpit.route.scenario_spec import Ability
from cockpit.scenarios.judge import Phase, ScenarioOutcome
from refine.evaluate.scenario_scores import abilities_of, share_of


def outcome(kind: str, phase: Phase) -> ScenarioOutcome:
    return ScenarioOutcome(f"{kind}_1", kind, phase)


def test_a_scenario_counts_for_each_of_its_abilities():
    assert abilities_of(outcome("PedestrianCrossing", Phase.PASSED)) == (Ability.EMERGENCY_BRAKE, Ability.TRAFFIC_SIGNS)
    assert abilities_of(outcome("InvadingTurn", Phase.PASSED)) == (Ability.GIVE_WAY,)
    assert abilities_of(outcome("SomethingElse", Phase.PASSED)) == ()


def test_what_was_not_reached_is_not_passed_and_what_was_not_played_does_not_count():
    some = [outcome("Accident", phase) for phase in (Phase.PASSED, Phase.FAILED, Phase.WAITING, Phase.SKIPPED)]
    assert str(share_of(some)) == "1 / 3"
    assert str(share_of([])) == "-"
