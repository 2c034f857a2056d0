"""The dialects by name. A new one: a file beside this one, a name and its needs in `needs.py`, and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from policy.vla.checkpoint import PolicySettings
from policy.vla.dialects.autovla import AutoVla
from policy.vla.dialects.corevla import CoreVla
from policy.vla.dialects.dialect import Dialect
from policy.vla.dialects.needs import DialectName
from policy.vla.dialects.takeover import Takeover

DIALECTS: Mapping[DialectName, type[Dialect]] = {
    DialectName.TAKEOVER: Takeover,
    DialectName.AUTOVLA: AutoVla,
    DialectName.COREVLA: CoreVla,
}


def dialect_of(settings: PolicySettings) -> Dialect:
    """The dialect that a policy speaks."""
    return DIALECTS[settings.dialect](settings)
