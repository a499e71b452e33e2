"""Short names for requests: the same request has the same fingerprint everywhere."""

import hashlib
import json
from typing import Any

LENGTH = 12


def fingerprint(*parts: Any) -> str:
    """Return twelve hex digits of the SHA-256 over the parts as canonical JSON.

    Raises TypeError for values without a stable form (objects, sets), instead of hashing their
    address.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
