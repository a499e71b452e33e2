"""Where credentials are found, and that they are struck out of texts; kaggle is not imported."""

import base64
import html
import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from raytrain.submission.credentials import has_credentials, stripped, without_secrets

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
    "long_token": lambda home: {"KAGGLE_API_TOKEN": SECRET + "x" * 500},
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
def test_every_source_is_found_and_without_secrets(
    source: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_credentials()
    assert without_secrets(f"with {SECRET}") == f"with {SECRET}"
    for name, value in SOURCES[source](home).items():
        monkeypatch.setenv(name, value)
    assert has_credentials()
    text = os.environ.get("KAGGLE_API_TOKEN", SECRET) if source == "long_token" else SECRET
    assert without_secrets(f"with {text}, twice {text}") == "with ***, twice ***"


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


ODD = "KGAT_7c&1f/0e'5\u00e4e2b9\n"
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "stripped": str.strip,
    "in a header's error": lambda secret: f"Invalid header value {f'Bearer {secret}'.encode()!r}",
    "in an error's error": lambda secret: repr(repr(ValueError(f"Bearer {secret}"))),
    "as JSON": json.dumps,
    "as JSON in JSON": lambda secret: json.dumps(json.dumps({"token": secret})),
    "in an address": lambda secret: f"https://kaggle.com/v1/{quote(secret, safe='')}/x",
    "in a page": lambda secret: f"<p>{html.escape(secret)}</p>",
    "as basic authentication": lambda secret: base64.b64encode(f"ann:{secret}".encode()).decode(),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_secret_is_struck_out_however_it_is_written(
    how: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", ODD)
    if "basic" in how:
        monkeypatch.setenv("KAGGLE_USERNAME", "ann")
        monkeypatch.setenv("KAGGLE_KEY", ODD)
        text = WRITTEN[how](ODD.strip())
    else:
        text = WRITTEN[how](ODD)
    cleaned = without_secrets(text)
    assert "***" in cleaned
    for part in ("7c", "1f", "0e", "e2b9", text):
        assert part not in cleaned


def test_addresses_lose_password_and_signature(home: Path) -> None:
    text = "url: /upload/b?upload_id=AB-c&sig=1 (proxy http://ann:pw@proxy:8080/x) and a?b"
    assert without_secrets(text) == "url: /upload/b?*** (proxy http://***@proxy:8080/x) and a?b"


def test_the_client_is_given_what_it_can_put_into_a_header(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", f" {SECRET}\n")
    in_file(".kaggle/kaggle.json", json.dumps({"username": "ann", "key": f"{SECRET}\r\n"}))(home)
    assert stripped() == {
        "KAGGLE_API_TOKEN": SECRET, "KAGGLE_USERNAME": "ann", "KAGGLE_KEY": SECRET,
    }  # fmt: skip
