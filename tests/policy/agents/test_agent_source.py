"""Which agent: what is wrong with a name is said before anything starts."""

from __future__ import annotations

import sys

import pytest

from policy.agents.source import AgentError, agent_source, is_agent
from tests.policy.agents.agent_parts import PILOT


def test_an_agents_name_is_told_from_a_folders():
    assert is_agent("agent:somewhere/agent.py")
    assert is_agent(agent_source(f"agent:{PILOT}"))
    assert not is_agent("runs/agent")


def test_an_agent_is_named_after_its_file_and_hashed_with_its_configuration(tmp_path):
    config = tmp_path / "config.json"
    config.write_text("{}", encoding="utf-8")
    source = agent_source(f"agent:{PILOT}", config)
    assert (source.name, source.python) == ("pilot", sys.executable)
    assert source.sha256() != agent_source(f"agent:{PILOT}").sha256()


def test_what_is_no_agent_is_refused_with_what_to_do(tmp_path):
    plain, broken = tmp_path / "plain.py", tmp_path / "broken.py"
    plain.write_text("class Agent:\n    pass\n", encoding="utf-8")
    broken.write_text("def get_entry_point(:\n", encoding="utf-8")
    for name, words in {
        tmp_path / "nowhere.py": "no agent file .*nowhere.py; give agent: and the path",
        tmp_path: "no agent file",
        plain: r"plain.py has no get_entry_point\(\)",
        broken: "broken.py is not a Python file",
    }.items():
        with pytest.raises(AgentError, match=words):
            agent_source(f"agent:{name}")


def test_a_configuration_or_interpreter_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(AgentError, match=r"no agent configuration .*none.yaml"):
        agent_source(f"agent:{PILOT}", config=tmp_path / "none.yaml")
    with pytest.raises(AgentError, match=r"no Python interpreter .*python9"):
        agent_source(f"agent:{PILOT}", python=tmp_path / "python9")


def test_an_entry_point_that_is_imported_counts(tmp_path):
    file = tmp_path / "other.py"
    file.write_text("from pilot import Pilot, get_entry_point\n", encoding="utf-8")
    assert agent_source(f"agent:{file}").file == file
