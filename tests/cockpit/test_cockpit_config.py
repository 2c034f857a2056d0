"""Settings files: what is right is read, what is wrong is one message with file, line, key and what would be right."""

from __future__ import annotations

import pytest

from cockpit.config import ArbitrationConfig, ConfigError, SessionConfig, load_yaml


def written(tmp_path, text: str):
    path = tmp_path / "session.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_means_the_defaults(tmp_path):
    assert load_yaml(SessionConfig, written(tmp_path, "")) == SessionConfig()


def test_values_are_read_into_their_places(tmp_path):
    text = "port: 2100\ntraffic:\n  count: 5\nlockstep:\n  plan_every: 4\narbitration:\n  brake_override: 0.1\n"
    config = load_yaml(SessionConfig, written(tmp_path, text))
    assert (config.port, config.traffic.count) == (2100, 5)
    assert config.lockstep is not None
    assert config.lockstep.plan_every == 4
    assert config.arbitration == ArbitrationConfig(brake_override=0.1)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("port: 2000\ntrafic:\n  count: 5\n", 2, "unknown key 'trafic'; did you mean 'traffic'?"),
        ("traffic:\n  cuont: 5\n", 2, "unknown key 'traffic.cuont'; did you mean 'count'?"),
        ("lockstep:\n  gear: 5\n", 2, "known keys: plan_every, wait_timeout_s"),
        ("seed: 1\n\nport: 70000\n", 3, "'port': Input should be less than or equal to 65535 (found 70000)"),
        ("fixed_delta_s: fast\n", 1, "'fixed_delta_s': Input should be a valid number"),
        ("arbitration:\n  steer_override: 1.5\n", 2, "'arbitration.steer_override'"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_file_line_and_what_would_be_right(tmp_path, text, line, words):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_yaml(SessionConfig, path)
    assert f"{path}:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_every_mistake_of_a_file_is_reported_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_yaml(SessionConfig, written(tmp_path, "port: 0\nprot: 1\n"))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "words"), [("a: [1\n", "not valid YAML"), ("- 1\n- 2\n", "must be a mapping"), ("just words", "found str")]
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        load_yaml(SessionConfig, written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load_yaml(SessionConfig, tmp_path / "nowhere.yaml")
