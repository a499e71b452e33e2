"""Where results go: a folder, or a place in object storage."""

import re

from raytrain.config.secrets import refuse_secrets

LONGEST = 80
"""Largest number of characters of a URL. It becomes the name of a folder."""


def is_url(address: str) -> bool:
    """Return whether an address names object storage, such as s3://bucket/folder."""
    return re.match(r"^[a-z0-9+]+://", address) is not None


def usable_storage(value: str) -> str:
    """Return the job's `storage`: a folder unchanged, a URL without a slash at its end. Raises
    ValueError for a URL that cannot hold results, or that holds a password."""
    if not is_url(value):
        return value
    refuse_secrets(value)
    scheme, _, rest = value.partition("://")
    if scheme in ("file", "local", "memory"):
        raise ValueError(f"give a folder, as its path without {scheme}:// (got {value!r})")
    if not re.fullmatch(r"[^/?#]+(/[^/?#]+)*/?", rest):
        raise ValueError(f"give a bucket and a prefix, as s3://bucket/runs (got {value!r})")
    if len(value) > LONGEST:
        raise ValueError(f"give a URL of at most {LONGEST} characters (got {len(value)})")
    return value.rstrip("/")
