"""Settings: defaults, file, environment, and what is refused with file, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from workbench.errors import BadInput
from workbench.settings import FILE_NAME, Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("HOME", *(name.upper() for name in Settings.model_fields)):
        monkeypatch.delenv(f"WORKBENCH_{key}", raising=False)


def write(home: Path, text: str | bytes) -> Path:
    home.mkdir(exist_ok=True)
    file = home / FILE_NAME
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_without_a_file_the_defaults_count_and_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "not there"
    made = load_settings(home)
    assert (made.home, made.blocked_plugins, made.live_history, made.lookahead_cuts) == (home, (), 5000, 5000)
    assert made.artifacts == home / "artifacts"
    assert not home.exists()


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "")
    assert load_settings(tmp_path) == Settings(home=tmp_path)


def test_the_file_overrides_the_defaults(tmp_path: Path) -> None:
    write(tmp_path, 'blocked_plugins = ["one", "two"]\nlive_history = 250\n')
    made = load_settings(tmp_path)
    assert (made.blocked_plugins, made.live_history, made.lookahead_cuts) == (("one", "two"), 250, 5000)


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 'blocked_plugins = ["one"]\nlive_history = 250\nlookahead_cuts = 1100\n')
    monkeypatch.setenv("WORKBENCH_LIVE_HISTORY", "300")
    monkeypatch.setenv("WORKBENCH_BLOCKED_PLUGINS", " two ,, three,")
    made = load_settings(tmp_path)
    assert (made.blocked_plugins, made.live_history, made.lookahead_cuts) == (("two", "three"), 300, 1100)


def test_an_empty_blocked_list_in_the_environment_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 'blocked_plugins = ["one"]\n')
    monkeypatch.setenv("WORKBENCH_BLOCKED_PLUGINS", "")
    assert load_settings(tmp_path).blocked_plugins == ()


def test_the_home_is_what_is_given_then_the_environments_then_the_working_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings().home == tmp_path / ".workbench"
    monkeypatch.setenv("WORKBENCH_HOME", "from environment")
    assert load_settings().home == tmp_path / "from environment"
    assert load_settings("given").home == tmp_path / "given"
    monkeypatch.setenv("WORKBENCH_HOME", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert load_settings().home == tmp_path / "me" / "mine"


@pytest.mark.parametrize(
    "text", ["live_history = ", "[", "live_history 5", "a = 1\na = 2", b"\xff\xfe", "blocked_plugins = ['a'"]
)
def test_a_file_that_is_no_toml_is_named_with_the_remedy(tmp_path: Path, text: str | bytes) -> None:
    file = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        load_settings(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"settings file {file}: not valid TOML (")
    assert message.endswith("; correct or remove it")
    assert "\n" not in message


@pytest.mark.parametrize("text", ["live_histroy = 5", "[live_history_]\nx = 1", 'plugins = ["a"]'])
def test_an_unknown_key_is_refused_with_the_file_and_the_keys_there_are(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        load_settings(tmp_path)
    message = str(caught.value)
    assert f" in {file} " in message
    known = sorted(Settings.model_fields.keys() - {"home"})
    assert message.endswith(f"known settings: {', '.join(known)}")
    assert "\n" not in message


def test_the_home_cannot_be_set_in_its_own_file(tmp_path: Path) -> None:
    write(tmp_path, 'home = "elsewhere"')
    with pytest.raises(BadInput, match=r"holds the key home; set WORKBENCH_HOME instead"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("live_history = 99", "live_history"),
        ("live_history = 'many'", "live_history"),
        ("live_history = 250.5", "live_history"),
        ("live_history = nan", "live_history"),
        ("lookahead_cuts = 9", "lookahead_cuts"),
        ("lookahead_cuts = -1", "lookahead_cuts"),
        ("blocked_plugins = 'one'", "blocked_plugins"),
        ("blocked_plugins = [1]", "blocked_plugins"),
        ("[blocked_plugins]\none = true", "blocked_plugins"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        load_settings(tmp_path)
    assert str(caught.value).startswith(f"setting {key} in {file} ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["99", "many", "", "1e", "nan"])
def test_a_value_of_the_environment_that_cannot_be_is_refused_with_the_variables_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    write(tmp_path, "live_history = 250")
    monkeypatch.setenv("WORKBENCH_LIVE_HISTORY", value)
    with pytest.raises(BadInput, match=r"setting live_history in WORKBENCH_LIVE_HISTORY "):
        load_settings(tmp_path)


def test_settings_are_frozen_and_refuse_unknown_names(tmp_path: Path) -> None:
    made = load_settings(tmp_path)
    with pytest.raises(ValidationError):
        made.live_history = 200  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings(home=tmp_path, liv_history=200)  # type: ignore[call-arg]
    assert all(field.description for field in Settings.model_fields.values())
