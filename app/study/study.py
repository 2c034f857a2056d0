"""A study as one YAML file: who takes part, which conditions in which order, and the drive they all have in common.

The window's form, `takeover study` and `takeover drive --config` read and write the same file. A *trial* is one
condition for one participant; its recording lies in `<out>/<study>/<participant>/<NN>-<condition>`, with a `trial.json`
that says so.
"""

from __future__ import annotations

import json
import typing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, create_model, field_validator, model_validator

from app.config import RunConfig
from app.study.counterbalance import Ordering, order_for
from app.study.pseudonym import participant_number, pseudonym_problem
from cockpit.config import ConfigError, Settings, load_yaml
from recorder.layout.store import write_json
from recorder.session_log import EntryKind, read_log

TRIAL_FILE = "trial.json"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]{0,39}$")]
"""Names of studies and conditions become folder names."""

_KEPT = frozenset({"out", "driver_id", "record"})
"""Settings that no condition may change: where it is recorded, and under which code."""
_HINTS = typing.get_type_hints(RunConfig, include_extras=True)
_CHANGES: dict[str, Any] = {name: (_HINTS[name] | None, None) for name in RunConfig.model_fields if name not in _KEPT}
DriveChanges = create_model("DriveChanges", __base__=Settings, **_CHANGES)
"""What a condition changes of the drive: any of its settings, but only those that are set."""


class Condition(Settings):
    """One condition of a study."""

    name: Name
    drive: DriveChanges = DriveChanges()  # pyright: ignore[reportInvalidTypeForm]
    """Settings of the drive that differ in it."""


class Study(Settings):
    """A study, for one participant."""

    study: Name
    participant: str = ""
    """The participant's code, never a name."""
    consent: bool = False
    """The participant has agreed, on paper or elsewhere; without it nothing is driven."""
    ordering: Ordering = Ordering.WILLIAMS
    order_row: Annotated[int, Field(ge=1)] | None = None
    """Which row of the square; None takes the number in the participant's code."""
    repetitions: Annotated[int, Field(ge=1, le=50)] = 1
    """How often the whole list is driven, each time in the same order."""
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)] = (Condition(name="drive"),)
    drive: RunConfig = RunConfig()
    """The settings that all conditions share."""

    @field_validator("participant")
    @classmethod
    def _participant_is_a_code(cls, text: str) -> str:
        problem = pseudonym_problem(text) if text else ""
        if problem:
            raise ValueError(problem)
        return text

    @model_validator(mode="after")
    def _conditions_fit(self) -> Study:
        names = [condition.name for condition in self.conditions]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"conditions: the name '{doubles[0]}' is used twice; give every condition its own")
        for condition in self.conditions:
            try:
                self.config_of(condition)
            except ValidationError as error:
                reason = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f"conditions: '{condition.name}' does not fit the drive: {reason}") from error
        return self

    def config_of(self, condition: Condition) -> RunConfig:
        """The drive of one condition."""
        changes = condition.drive.model_dump(exclude_unset=True)
        driver = {"driver_id": self.participant} if self.participant else {}
        return RunConfig.model_validate(_merged(self.drive.model_dump(), changes) | driver)

    def order(self) -> tuple[Condition, ...]:
        """The conditions in this participant's order, each once."""
        number = self.order_row
        if number is None:
            number = participant_number(self.participant) if self.participant else 1
        return tuple(self.conditions[index] for index in order_for(self.ordering, len(self.conditions), number))

    def trials(self) -> tuple[Trial, ...]:
        """Everything this participant drives, in order."""
        sequence = self.order() * self.repetitions
        return tuple(Trial(self, number, len(sequence), item) for number, item in enumerate(sequence, start=1))

    def folder(self) -> Path:
        """Where this participant's trials are recorded."""
        return self.drive.out / self.study / (self.participant or "nobody")

    def problem(self) -> str:
        """What is still missing before the first trial may begin; empty when nothing is."""
        if problem := pseudonym_problem(self.participant):
            return problem
        if not self.consent:
            return f"{self.participant} has not consented yet: tick the box (consent: true) when they have"
        if not self.drive.record:
            return "a study is recorded, or nobody knows which trials are done: record: true"
        return ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One condition for one participant."""

    study: Study
    number: int
    """Its place in the order, from 1."""
    count: int
    condition: Condition

    @property
    def config(self) -> RunConfig:
        """The drive."""
        return self.study.config_of(self.condition)

    @property
    def folder(self) -> Path:
        """Where it is recorded; when it is driven again, a number is appended."""
        return self.study.folder() / f"{self.number:02d}-{self.condition.name}"

    def label(self) -> TrialLabel:
        """The label that is written beside its recording."""
        study = self.study
        return TrialLabel(
            study=study.study,
            participant=study.participant,
            condition=self.condition.name,
            trial=self.number,
            trials=self.count,
            ordering=study.ordering.value,
            order=tuple(condition.name for condition in study.order()),
            consent=study.consent,
        )


@dataclass(frozen=True, slots=True)
class TrialLabel:
    """Which trial of which study a session's folder holds."""

    study: str
    participant: str
    condition: str
    trial: int
    trials: int
    ordering: str
    order: tuple[str, ...]
    consent: bool


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes`, group by group."""
    nested = {
        name: _merged(base[name], value)
        for name, value in changes.items()
        if isinstance(value, dict) and isinstance(base.get(name), dict)
    }
    return base | changes | nested


def write_trial(folder: Path, label: TrialLabel) -> None:
    """Put the label beside session.json."""
    write_json(folder / TRIAL_FILE, asdict(label))


def read_trial(folder: Path) -> TrialLabel | None:
    """The label of a session's folder; None when it belongs to no study.

    Raises:
        ConfigError: the file is there and broken.
    """
    path = folder / TRIAL_FILE
    if not path.exists():
        return None
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return TrialLabel(**{**fields, "order": tuple(fields["order"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).") from error


def is_done(trial: Trial) -> bool:
    """Whether a recording of the trial was driven to its end (an aborted one does not count)."""
    folder = trial.folder
    tried = [folder, *sorted(folder.parent.glob(f"{folder.name}-[0-9]*"))]
    ends = [entry.text for path in tried for entry in read_log(path) if entry.kind is EntryKind.END]
    return any(text != ABORTED and not text.startswith(FAILED) for text in ends)


ABORTED, FAILED = "aborted", "failed"
"""How the logged end of a trial that does not count begins: aborted by the experimenter, or failed (with a message)."""


def next_trial(study: Study) -> Trial | None:
    """The first trial that has not been driven to its end; None when all have."""
    return next((trial for trial in study.trials() if not is_done(trial)), None)


def load_study(path: Path | str) -> Study:
    """Read a study from YAML.

    Raises:
        ConfigError: the file is missing or wrong; names file, line, key and what would be right.
    """
    return load_yaml(Study, path)


def is_study_file(path: Path | str) -> bool:
    """Whether a settings file holds a study (it then has the key `study`); False for anything unreadable."""
    try:
        fields = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(fields, dict) and "study" in fields


def study_text(study: Study) -> str:
    """The study as YAML, with only what differs from the defaults: `load_study` reads back the same."""
    fields = study.model_dump(mode="json", exclude_defaults=True) | {"study": study.study}
    if "conditions" in fields:
        fields["conditions"] = [
            {"name": condition.name}
            | ({"drive": changes} if (changes := condition.drive.model_dump(mode="json", exclude_unset=True)) else {})
            for condition in study.conditions
        ]
    order = [name for name in Study.model_fields if name in fields]
    return yaml.safe_dump({name: fields[name] for name in order}, sort_keys=False, allow_unicode=True)


def save_study(study: Study, path: Path) -> None:
    """Write the study's file. Raises OSError when that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(study_text(study), encoding="utf-8")
