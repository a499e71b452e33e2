"""Find the credentials that Kaggle's client uses, without importing the client."""

import json
import os
from pathlib import Path
from typing import Any

from raytrain.config.secrets import struck_out

CREDENTIALS_HELP = """\
no Kaggle credentials were found. Give them in one of these ways:
  - make a token at https://www.kaggle.com/settings/api and put it into the environment as
    KAGGLE_API_TOKEN, or into the file ~/.kaggle/access_token
  - log in with `kaggle auth login`
  - use a legacy key: KAGGLE_USERNAME and KAGGLE_KEY in the environment, or ~/.kaggle/kaggle.json"""

NO_SLUG = "competition.submission.slug: missing; set it to the competition's name in its address"
VARIABLES = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY")


def has_credentials() -> bool:
    """Return whether Kaggle's client finds credentials; only Kaggle can validate them."""
    return bool(_secrets())


def without_secrets(text: str) -> str:
    """Return the text without any secret that Kaggle's client could have included."""
    return struck_out(text, _secrets())


def stripped() -> dict[str, str]:
    """Return Kaggle's environment variables without the line break at the end of a copied token.
    The client would put the line break into a header, and then repeat the token in its error."""
    found = {name: value.strip() for name, value in os.environ.items() if name in VARIABLES}
    pair = _pair()
    return found | ({"KAGGLE_USERNAME": pair[0], "KAGGLE_KEY": pair[1]} if pair else {})


def _secrets() -> list[str]:
    home = _home()
    oauth = _json(home / "credentials.json")
    found: list[Any] = [_token(), _text(home / "access_token"), _text(home / "access_token.txt")]
    pair = _pair()
    if pair:
        found += [pair[1], ":".join(pair)]
    if oauth.get("refresh_token"):
        found += [oauth["refresh_token"], oauth.get("access_token")]
    return [secret for secret in found if isinstance(secret, str) and secret.strip()]


def _home() -> Path:
    return Path(os.path.expanduser("~/.kaggle"))


def _token() -> str:
    """Return the token from the environment variable KAGGLE_API_TOKEN, or from the file that the
    variable names; an empty text without the variable."""
    value = os.environ.get("KAGGLE_API_TOKEN", "")
    path = Path(value.strip())
    try:
        return _text(path) if value.strip() and path.exists() else value
    except (OSError, ValueError):  # too long for a path, or with a NUL
        return value


def _pair() -> tuple[str, str] | None:
    """Return the user and the key of Kaggle's older kind of key, or None if one is missing."""
    pair = _json(_config_folder() / "kaggle.json")
    user = os.environ.get("KAGGLE_USERNAME") or pair.get("username")
    key = os.environ.get("KAGGLE_KEY") or pair.get("key")
    return (str(user).strip(), str(key).strip()) if user and key else None


def _config_folder() -> Path:
    if os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(os.environ["KAGGLE_CONFIG_DIR"])
    if _home().is_dir():
        return _home()
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
