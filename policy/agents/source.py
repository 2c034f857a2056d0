"""Which agent: its file, its configuration and its interpreter, looked at before anything is started."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from policy.serving.process import PolicyProcessError

PREFIX = "agent:"
"""A policy whose name begins with this is a leaderboard agent's file."""
ENTRY_POINT = "get_entry_point"


class AgentError(PolicyProcessError):
    """An agent cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class AgentSource:
    """A leaderboard agent on disk. Made by `agent_source`, which checks it."""

    file: Path
    config: Path | None = None
    """What the agent's `setup` is given; None gives it an empty text, as the leaderboard does."""
    python: str = sys.executable
    """The interpreter whose packages the agent needs."""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.file.stem

    def __str__(self) -> str:
        return f"{PREFIX}{self.file}"

    def sha256(self) -> str:
        """One hash over the agent's file and its configuration, where that is a file; other files are not seen."""
        digest = hashlib.sha256(self.file.read_bytes())
        if self.config is not None and self.config.is_file():
            digest.update(self.config.read_bytes())
        return digest.hexdigest()


def is_agent(policy: object) -> bool:
    """Whether a policy's name means a leaderboard agent."""
    return isinstance(policy, AgentSource) or str(policy).startswith(PREFIX)


def agent_file(policy: str | Path) -> Path:
    """The file that ``agent:PATH/agent.py`` names."""
    return Path(str(policy).removeprefix(PREFIX)).expanduser()


def agent_source(policy: str | Path, config: str | Path | None = None, python: str | Path | None = None) -> AgentSource:
    """The agent that ``agent:PATH/agent.py`` names.

    Raises:
        AgentError: no such file, one without `get_entry_point`, no such configuration or interpreter.

    """
    file = agent_file(policy)
    if not file.is_file():
        raise AgentError(f"no agent file {file}; give {PREFIX} and the path of a leaderboard agent's .py file")
    if ENTRY_POINT not in _names_in(file):
        raise AgentError(
            f"{file} has no {ENTRY_POINT}(): a leaderboard agent's file must have one that returns its class's name"
        )
    if config is not None and not Path(config).expanduser().exists():
        raise AgentError(f"no agent configuration {config}; give the file (or folder) that the agent's setup() reads")
    found = shutil.which(os.fspath(python)) if python is not None else sys.executable
    if found is None:
        raise AgentError(f"no Python interpreter {python}; give the path of the one that the agent's packages are in")
    return AgentSource(file.absolute(), Path(config).expanduser().absolute() if config is not None else None, found)


def _names_in(file: Path) -> set[str]:
    """The names that a file defines or imports at its top."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        raise AgentError(f"{file} is not a Python file: {error}") from error
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names
