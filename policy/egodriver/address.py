"""Where an egodriver server listens: the part of a policy's name behind ``grpc://``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from policy.serving.process import PolicyProcessError

PREFIX = "grpc:"
_ADDRESS = re.compile(r"grpc:/{0,2}(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})/?")
"""With one slash, too: that is what `pathlib` makes of two."""


class EgodriverError(PolicyProcessError):
    """An egodriver server cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class EgodriverAddress:
    """Host and port of a server."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """What recordings call the policy."""
        return f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"grpc://{self.name}"


def is_egodriver(policy: object) -> bool:
    """Whether a policy's name means an egodriver server."""
    return isinstance(policy, EgodriverAddress) or str(policy).startswith(PREFIX)


def egodriver_address(policy: str | Path) -> EgodriverAddress:
    """The server that ``grpc://HOST:PORT`` names. Raises EgodriverError for anything else."""
    found = _ADDRESS.fullmatch(str(policy))
    if found is None or not 1 <= int(found["port"]) <= 65535:
        raise EgodriverError(f"'{policy}' is no egodriver server's address; write grpc://HOST:PORT")
    return EgodriverAddress(found["host"], int(found["port"]))
