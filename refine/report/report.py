"""The report of a round or an evaluation: one HTML file that needs no network, to read and to share.

Its content is decided here, from data; its looks are in `templates/report.html.j2`. Where a policy did not get
better, or too little was driven to decide that, the text says so.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from refine.data.pairs import PairsSummary, read_card
from refine.errors import RefineError
from refine.evaluate.metrics import RouteScore
from refine.evaluate.results import MAP_FILE, Evaluation, Run
from refine.report.film import PairRow, films_of
from refine.report.plots import TrainingStep, draw_drives, draw_training, road_edges

log = logging.getLogger(__name__)

TEMPLATE = "report.html.j2"
TRAINING_LOG = "training.jsonl"
GROUP_TITLES = {"train": "Training routes", "other": "Other routes", "routes": "Routes"}
GROUP_NOTES = {
    "train": "The takeovers on these routes are what the policy was retrained on.",
    "other": "Nothing driven here was used for the retraining: this is where a real gain must show.",
}

ROUND_NAMES = ("before", "after")
"""A round's names for its policies; with them the text is about a retraining."""


@dataclass(frozen=True)
class Tile:
    """One headline number."""

    name: str
    value: str
    before: str = ""
    tone: str = ""
    """``good``, ``bad`` or nothing."""
    note: str = ""


def write_report(
    out_html: Path | str,
    evaluation: Evaluation,
    *,
    before: str | None = None,
    after: str | None = None,
    title: str = "",
    sessions: Sequence[Path] = (),
    pairs_folder: Path | None = None,
    training_log: Path | None = None,
    opendrive: str | None = None,
    film_count: int = 4,
    simulator: tuple[str, int] | None = None,
) -> Path:
    """Write the report and give its path.

    `before` and `after` name policies of the evaluation (the first, and the second if there is one). `sessions` are
    recordings whose takeovers are shown; `training_log` is the JSON lines of `refine.train.dpo` or the adapter's
    folder; `opendrive` is the map's text, taken from a session where it is not given. With a `simulator` (host and port
    of a running server) the recorded scenes are built again there and photographed in a size fit for a page.

    Raises:
        RefineError: a policy that is not in the evaluation, or a file that cannot be written.

    """
    names = [policy.name for policy in evaluation.policies]
    before = before or names[0]
    after = after if after is not None or len(names) < 2 else names[1]
    missing = {before, after} - {None, *names}
    if missing:
        raise RefineError(
            f"the evaluation has no policy named {', '.join(map(str, missing))}; it has: {', '.join(names)}"
        )
    card = read_card(pairs_folder) if pairs_folder is not None else None
    steps = read_training(training_log) if training_log is not None else []
    edges = road_edges(evaluation.town, opendrive or _map_text(sessions))
    page = _template().render(
        title=title or _title(before, after),
        subtitle=_subtitle(evaluation),
        verdict=verdict(evaluation, before, after),
        sections=[_section(evaluation, group, before, after, edges) for group in evaluation.groups],
        routes=_routes(evaluation, before, after),
        films=films_of(sessions, _pair_rows(pairs_folder), film_count, simulator),
        training={"plot": draw_training(steps), "note": _training_note(steps)} if steps else None,
        pairs=_pair_facts(card) if card else None,
        provenance=_provenance(evaluation),
    )
    out = Path(out_html)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RefineError(f"the report cannot be written to {out}: {error.strerror}") from error
    return out


def verdict(evaluation: Evaluation, before: str, after: str | None) -> list[str]:
    """What the numbers say, in sentences, the most important first."""
    if after is None:
        score = evaluation.total(before)
        return [f"{before} drove {_km(score)}: driving score {score.driving_score:.1f}, {_takeovers(score)}."]
    sentences = [_compared(evaluation, group, before, after) for group in evaluation.groups]
    total_runs = len(evaluation.paired(before, after))
    if total_runs < 20:
        sentences.append(
            f"{total_runs} pairs of drives were compared. One route's driving score varies by tens of points between "
            "seeds of traffic, so small differences are no evidence; drive more routes and seeds before believing one."
        )
    return sentences


def _compared(evaluation: Evaluation, group: str, before: str, after: str) -> str:
    old, new = evaluation.total(before, group), evaluation.total(after, group)
    where = GROUP_TITLES.get(group, group).lower()
    change = new.takeovers_per_km - old.takeovers_per_km
    if not evaluation.supervised:
        gain = _gain(evaluation, group, before, after)
        return f"On the {where} the driving score went {_from_to(old.driving_score, new.driving_score)}{gain}."
    if old.takeovers == new.takeovers == 0:
        return f"On the {where} neither policy needed a takeover."
    word = "fewer takeovers" if change < -0.05 else "more takeovers" if change > 0.05 else "as many takeovers"
    is_round = (before, after) == ROUND_NAMES
    who, had = ("the retrained policy", "had been") if is_round else (after, f"was for {before}")
    honest = " The retraining did not help here." if is_round and change >= -0.05 else ""
    return (
        f"On the {where} {who} needed {word}: {new.takeovers_per_km:.1f} per km, where it {had} "
        f"{old.takeovers_per_km:.1f} ({old.takeovers} and {new.takeovers} in all).{honest}"
    )


def _gain(evaluation: Evaluation, group: str, before: str, after: str) -> str:
    gain = evaluation.gain(before, after, group)
    if gain is None:
        return ""
    mean, low, high = gain
    sure = "" if low > 0 or high < 0 else ", an interval that includes no change at all"
    return f" ({mean:+.1f}, 95 % interval {low:+.1f} to {high:+.1f}{sure})"


def _from_to(old: float, new: float) -> str:
    word = "up" if new > old + 0.05 else "down" if new < old - 0.05 else "nowhere"
    return f"{word}, from {old:.1f} to {new:.1f}"


def _title(before: str, after: str | None) -> str:
    return f"Drives of {before}" if after is None else f"{before} and {after} compared"


def _subtitle(evaluation: Evaluation) -> str:
    how = "the expert in the driver's seat" if evaluation.supervised else "nobody in the driver's seat"
    return (
        f"{evaluation.created_at.replace('T', ' ')} · {evaluation.town} · {evaluation.traffic} vehicles of background "
        f"traffic · closed loop, {how}"
    )


def _km(score: RouteScore) -> str:
    return f"{score.distance_m / 1000:.2f} km"


def _takeovers(score: RouteScore) -> str:
    return f"{score.takeovers} takeover{'' if score.takeovers == 1 else 's'} ({score.takeovers_per_km:.1f} per km)"


def _section(
    evaluation: Evaluation, group: str, before: str, after: str | None, edges: Sequence[Any]
) -> dict[str, Any]:
    shown = [name for name in (before, after) if name is not None]
    runs = len(evaluation.of(before, group))
    note = f"{runs} drive{'' if runs == 1 else 's'} each, {_km(evaluation.total(before, group))}. "
    return {
        "title": GROUP_TITLES.get(group, group),
        "note": note + GROUP_NOTES.get(group, ""),
        "tiles": tiles(evaluation, group, before, after),
        "map": draw_drives([(name, evaluation.of(name, group)) for name in shown], edges),
    }


def tiles(evaluation: Evaluation, group: str, before: str, after: str | None) -> list[Tile]:
    """Headline numbers of a set of routes; of one policy where there is no second."""
    old = evaluation.total(before, group)
    new = evaluation.total(after, group) if after is not None else None
    gain = evaluation.gain(before, after, group) if after is not None else None
    score_note = f"95 % interval of the gain {gain[1]:+.1f} to {gain[2]:+.1f}" if gain is not None else "0 to 100"
    rows = [
        ("takeovers per km", "takeovers_per_km", "{:.1f}", 1.0, -1, ""),
        ("driving score", "driving_score", "{:.1f}", 1.0, 1, score_note),
        ("route completion", "completion", "{:.0f} %", 100.0, 1, ""),
        ("collisions per km", "collisions_per_km", "{:.1f}", 1.0, -1, ""),
        ("driven by the policy", "policy_share", "{:.0f} %", 100.0, 1, "share of the distance"),
    ]
    shown = (
        rows if evaluation.supervised else [row for row in rows if row[1] not in ("takeovers_per_km", "policy_share")]
    )
    made = [_tile(old, new, *row) for row in shown]
    if evaluation.supervised:
        counts = f"{old.takeovers}" if new is None else f"{old.takeovers} and {new.takeovers} in all"
        made[0] = Tile(made[0].name, made[0].value, made[0].before, made[0].tone, counts)
    return made


def _tile(
    old: RouteScore, new: RouteScore | None, name: str, key: str, form: str, factor: float, better: int, note: str
) -> Tile:
    was = form.format(factor * getattr(old, key))
    if new is None:
        return Tile(name, was, note=note)
    now = form.format(factor * getattr(new, key))
    change = (getattr(new, key) - getattr(old, key)) * better
    tone = "" if now == was else "good" if change > 0 else "bad"
    return Tile(name, now, was, tone, note)


def _routes(evaluation: Evaluation, before: str, after: str | None) -> dict[str, Any]:
    header = ("routes", "route", "policy", "score", "completed", "takeovers", "m between", "collisions", "red lights")
    header += ("off road", "comfort", "ended")
    shown = [name for name in (before, after) if name is not None]
    keys = list(dict.fromkeys(run.key for run in evaluation.runs))
    several = len({run.seed for run in evaluation.runs}) > 1
    rows = []
    for key in keys:
        for name in shown:
            run = next((run for run in evaluation.of(name) if run.key == key), None)
            if run is not None:
                style = "first" if name == before else "after"
                rows.append({"style": style, "cells": _cells(run, several, name == before)})
    return {"header": header, "rows": rows}


def _cells(run: Run, several_seeds: bool, is_first: bool) -> tuple[str, ...]:
    score = run.score
    route = f"{run.route_id}, seed {run.seed}" if several_seeds else run.route_id
    between = score.metres_between_takeovers
    return (
        run.group if is_first else "",
        route if is_first else "",
        run.policy,
        f"{score.driving_score:.1f}",
        f"{100 * score.completion:.0f} %",
        str(score.takeovers),
        "–" if between is None else f"{between:.0f}",
        str(score.collisions),
        str(score.red_lights),
        f"{100 * score.off_road_share:.1f} %",
        "–" if score.comfort is None else f"{100 * score.comfort:.0f} %",
        run.end.replace("_", " "),
    )


def read_training(path: Path) -> list[TrainingStep]:
    """The steps of a training log. Raises RefineError when there is none."""
    file = path / TRAINING_LOG if path.is_dir() else path
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        steps = [TrainingStep(int(x["step"]), float(x["loss"]), x.get("accuracy"), x.get("margin")) for x in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefineError(f"{file} is no training log: {error}") from error
    return [step for step in steps if math.isfinite(step.loss)]


def _training_note(steps: Sequence[TrainingStep]) -> str:
    first, last = steps[: max(len(steps) // 10, 1)], steps[-max(len(steps) // 10, 1) :]
    loss = [sum(one.loss for one in part) / len(part) for part in (first, last)]
    return (
        f"{len(steps)} steps of DPO with LoRA; the loss went from {loss[0]:.2f} to {loss[1]:.2f} (means of the first "
        "and the last tenth). Thick lines are running means. A high margin alone proves nothing: the drives above do."
    )


def _pair_facts(card: PairsSummary) -> list[tuple[str, str]]:
    def listed(counts: dict[str, int]) -> str:
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        return ", ".join(f"{count} {name.replace('_', ' ').rstrip('.')}" for name, count in ordered) or "none"

    return [
        ("pairs", str(card.pairs)),
        ("from", f"{card.segments} takeovers in {card.sessions} sessions, {card.decision_steps} decision steps"),
        ("why the driver took over", listed(card.by_note)),
        ("who drove", listed(card.by_driver)),
        ("left out", listed(card.skipped)),
        ("mean distance", f"{card.mean_displacement_m:.2f} m between chosen and rejected trajectory"),
    ]


def _pair_rows(folder: Path | None) -> dict[tuple[str, str], list[PairRow]]:
    if folder is None:
        return {}
    from refine.train.dpo import read_pairs

    columns = ["session_folder", "segment", "frame", "since_takeover_s", "chosen", "rejected"]
    columns += ["chosen_trajectory", "rejected_trajectory"]
    rows: dict[tuple[str, str], list[PairRow]] = {}
    for row in read_pairs(folder).select_columns(columns):
        rows.setdefault((row["session_folder"], row["segment"]), []).append(row)
    return rows


def _provenance(evaluation: Evaluation) -> list[tuple[str, str]]:
    rows = [(f"policy {policy.name}", _policy_text(policy.folder, policy.sha256)) for policy in evaluation.policies]
    rows += [
        ("seeds of traffic", ", ".join(map(str, evaluation.seeds))),
        ("drives", f"{len(evaluation.runs)}, {sum(run.sums.distance_m for run in evaluation.runs) / 1000:.1f} km"),
        ("versions", ", ".join(f"{name} {version}" for name, version in evaluation.versions.items())),
    ]
    faults = sorted({fault for run in evaluation.runs for fault in run.faults})
    rows += [("faults on the way", "; ".join(faults))] if faults else []
    rows += [("command", evaluation.command)] if evaluation.command else []
    return rows


def _policy_text(folder: str, sha256: str) -> str:
    return f"{Path(folder).name}, sha256 {sha256[:16]}…" if sha256 else folder


def _map_text(sessions: Sequence[Path]) -> str:
    for session in sessions:
        path = Path(session) / MAP_FILE
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return ""


def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True).get_template(TEMPLATE)
