"""A short name for what was asked: the same question has the same fingerprint everywhere."""

import hashlib
import json
from typing import Any

LENGTH = 12


def fingerprint(*parts: Any) -> str:
    """Twelve hex digits of the SHA-256 over the parts as canonical JSON.

    Raises TypeError for anything without a stable form (objects, sets), instead of hashing
    its address.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
