"""Where credentials are found, and that they are struck out of texts; kaggle is not imported."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from raytrain.submission.credentials import has_credentials, struck_out

SECRET = "5ecre7-5ecre7"
PAIR = json.dumps({"username": "ann", "key": SECRET})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def in_file(name: str, text: str) -> Callable[[Path], dict[str, str]]:
    """Writes a file under the home and sets nothing."""

    def give(home: Path) -> dict[str, str]:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
        return {}

    return give


def in_a_file_named_by_the_variable(home: Path) -> dict[str, str]:
    (home / "token").write_text(f"{SECRET}\n")
    return {"KAGGLE_API_TOKEN": str(home / "token")}


def in_another_config_folder(home: Path) -> dict[str, str]:
    (home / "kaggle.json").write_text(PAIR)
    return {"KAGGLE_CONFIG_DIR": str(home)}


SOURCES: dict[str, Callable[[Path], dict[str, str]]] = {
    "token": lambda home: {"KAGGLE_API_TOKEN": SECRET},
    "long_token": lambda home: {"KAGGLE_API_TOKEN": SECRET + "x" * 5000},
    "token_path": in_a_file_named_by_the_variable,
    "pair": lambda home: {"KAGGLE_USERNAME": "ann", "KAGGLE_KEY": SECRET},
    "token_file": in_file(".kaggle/access_token", f"{SECRET}\n"),
    "token_text_file": in_file(".kaggle/access_token.txt", SECRET),
    "key_file": in_file(".kaggle/kaggle.json", PAIR),
    "key_file_in_config": in_file(".config/kaggle/kaggle.json", PAIR),
    "key_file_elsewhere": in_another_config_folder,
    "login": in_file(".kaggle/credentials.json", json.dumps({"refresh_token": SECRET})),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_found_and_struck_out(
    source: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_credentials()
    assert struck_out(f"with {SECRET}") == f"with {SECRET}"
    for name, value in SOURCES[source](home).items():
        monkeypatch.setenv(name, value)
    assert has_credentials()
    text = os.environ.get("KAGGLE_API_TOKEN", SECRET) if source == "long_token" else SECRET
    assert struck_out(f"with {text}, twice {text}") == "with ***, twice ***"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kaggle.json", "{"),
        ("kaggle.json", json.dumps({"username": "ann"})),
        ("kaggle.json", json.dumps([1])),
        ("access_token", "\n"),
        ("credentials.json", json.dumps({"username": "ann"})),
    ],
)
def test_half_of_a_credential_is_none(name: str, text: str, home: Path) -> None:
    in_file(f".kaggle/{name}", text)(home)
    assert not has_credentials()
