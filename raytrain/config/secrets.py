"""Removal of secrets from texts, in every form in which a library may write them."""

import base64
import html
import json
import re
from collections.abc import Iterable

STRUCK = "***"

_SHORTEST_PART = 6
"""A part of a secret counts as a secret itself from this number of characters on."""

_BACKSLASH = r"(?:\\|%(?:25)*5C)"
_PASSWORD = re.compile(r"(?<=://)[^/\s@'\"]+(?=@)")
_QUERY = re.compile(r"(?<=\?)[^\s'\")>]*=[^\s'\")>]*")


_SECRET_PARAMETER = re.compile(
    r"[?&][^=&]*(?:pass|pwd|token|secret|sig|key|cred|auth)[^=&]*=", re.IGNORECASE
)


def without_password(text: str) -> str:
    """Return the text without the user and the password in the text's addresses."""
    return _PASSWORD.sub(STRUCK, text)


def refuse_secrets(address: str) -> str:
    """Return the address. Raises ValueError if it holds a password, a token or a signature; the
    message does not repeat it."""
    found = _PASSWORD.search(address)
    if (found and (":" in found[0] or address.startswith("http"))) or (
        _SECRET_PARAMETER.search(address)
    ):
        raise ValueError(
            "holds a password or token, and a job is stored and shown: leave it out of the "
            "address, and set FSSPEC_FTP_USERNAME and FSSPEC_FTP_PASSWORD in the environment, for "
            "another protocol with its name in place of FTP (s3: AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY)"
        )
    return address


def struck_out(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets, in every escaped form, and without the secrets of
    addresses: the user and password before the host, and the query, which may be a signature for an
    upload or a download."""
    found = {part for secret in secrets for part in _parts(secret)}
    patterns = [_pattern(part) for part in sorted(found, key=len, reverse=True)]
    if patterns:
        text = re.sub("|".join(patterns), STRUCK, text)
    return _QUERY.sub(STRUCK, without_password(text))


def _parts(secret: str) -> set[str]:
    """Return the forms of a secret: without white space at its ends, its long words, and all of
    them in base 64."""
    lines = [part for part in secret.split() if len(part) >= _SHORTEST_PART]
    plain = {secret, secret.strip(), *lines} - {""}
    coded = {base64.b64encode(part.encode()).decode().rstrip("=") for part in plain}
    return plain | coded | {part.replace("+", "-").replace("/", "_") for part in coded}


def _pattern(secret: str) -> str:
    """Return a pattern that matches the secret, also as it is escaped in Python, JSON, addresses
    and pages."""
    return "".join(_character(c) for c in secret)


def _character(c: str) -> str:
    escaped = {c, ascii(c)[1:-1], repr(c.encode())[2:-1], json.dumps(c)[1:-1], html.escape(c)}
    forms = {_BACKSLASH + "+"} if c == "\\" else set()
    for form in escaped:
        words = [
            re.escape(word).replace("&", "&(?:amp;)*") for word in form.strip("\\").split("\\")
        ]
        forms.add(f"{_BACKSLASH}*" + f"{_BACKSLASH}+".join(words))
    hexadecimal = c.encode().hex("%").split("%")
    forms.add("".join(f"%(?:25)*(?i:{pair})" for pair in hexadecimal))
    return f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"
