"""Where Kaggle's client looks for something to log in with, read without importing it."""

import json
import os
from pathlib import Path
from typing import Any

CREDENTIALS_HELP = """\
no Kaggle credentials were found. Give them in one of these ways:
  - make a token at https://www.kaggle.com/settings/api and put it into the environment as
    KAGGLE_API_TOKEN, or into the file ~/.kaggle/access_token
  - log in with `kaggle auth login`
  - use a legacy key: KAGGLE_USERNAME and KAGGLE_KEY in the environment, or ~/.kaggle/kaggle.json"""


def has_credentials() -> bool:
    """Whether the client would find something; whether it is valid only Kaggle can say."""
    return bool(_secrets())


def struck_out(text: str) -> str:
    """The text without any secret that the client could have put into it."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    return text


def _secrets() -> list[str]:
    home = Path(os.path.expanduser("~/.kaggle"))
    oauth = _json(home / "credentials.json")
    found = [
        _token(os.environ.get("KAGGLE_API_TOKEN", "")),
        _text(home / "access_token"),
        _text(home / "access_token.txt"),
        _legacy_key(home),
    ]
    if oauth.get("refresh_token"):
        found += [oauth["refresh_token"], oauth.get("access_token")]
    return [secret for secret in found if isinstance(secret, str) and secret]


def _token(value: str) -> str:
    """The variable holds a token, or the path of a file with one."""
    try:
        return _text(Path(value)) if value and Path(value).exists() else value
    except OSError:  # too long for a path
        return value


def _legacy_key(home: Path) -> str | None:
    pair = _json(_config_folder(home) / "kaggle.json")
    pair = {
        "username": os.environ.get("KAGGLE_USERNAME") or pair.get("username"),
        "key": os.environ.get("KAGGLE_KEY") or pair.get("key"),
    }
    return pair["key"] if all(pair.values()) else None


def _config_folder(home: Path) -> Path:
    if os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(os.environ["KAGGLE_CONFIG_DIR"])
    if home.is_dir():
        return home
    return Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "kaggle"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
