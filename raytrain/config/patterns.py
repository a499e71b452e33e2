"""Patterns with parts in braces: `{split}/image/{name}.png`, `{case}/slice_{slice}_*.png`."""

import re
from collections.abc import Iterable

from raytrain.config.errors import unknown_name

RESERVED = ("split", "name", "channel", "object", "class")
"""Parts with a fixed meaning. All other words in braces are parts that the user names."""

PART = re.compile(r"\{(\w+)\}")


def checked_pattern(value: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> str:
    """Return the pattern `value` if it is valid.

    Raises ValueError for a part that is not in `allowed`, for a part of `needed` that is missing,
    and for a path that is not relative to the competition's folder.
    """
    for part in value.split("{")[1:]:
        field = part.split("}")[0]
        if field not in allowed:
            raise ValueError(f"{value!r}: {unknown_name('{' + field + '}', _braced(allowed))}")
    lacking = [field for field in _braced(needed) if field not in value]
    if lacking:
        raise ValueError(f"a pattern needs {' and '.join(lacking)} (got {value!r})")
    return _relative(value)


def checked_parts(value: str, reserved: tuple[str, ...]) -> str:
    """Return the pattern `value` of a path or an id, whose parts the user names.

    Raises ValueError for a part of RESERVED that is not in `reserved`, for a likely typo of one
    that is, for a pattern without any part, for braces without a word, for a `*` directly after a
    part, and for a path that is not relative.
    """
    parts = parts_of(value)
    meant = {part: known for part in parts for known in reserved if _is_typo(part, known)}
    if meant:
        part, known = meant.popitem()
        raise ValueError(f"{value!r}: {unknown_name('{' + part + '}', _braced((known,)))}")
    wrong = [part for part in parts if part in RESERVED and part not in reserved]
    if wrong:
        raise ValueError(f"{value!r}: {{{wrong[0]}}} has no meaning here; remove it or rename it")
    rest = PART.sub("", value)
    if "{" in rest or "}" in rest or any(part[0].isdigit() for part in parts):
        raise ValueError(
            f"{value!r}: braces hold one word that begins with a letter, such as {{name}}"
        )
    if not set(parts) - {"split"}:
        raise ValueError(f"a pattern needs a part such as {{name}} (got {value!r})")
    if "**" in value:
        raise ValueError(f"{value!r}: * does not span folders; write one * for each folder")
    if "}*" in value or "*{" in value:
        raise ValueError(
            f"{value!r}: nothing separates the part from *; write the text between them, such as "
            "{name}_*"
        )
    return _relative(value)


def parts_of(pattern: str) -> tuple[str, ...]:
    """Return the words in braces of a pattern, in order, each once."""
    return tuple(dict.fromkeys(PART.findall(pattern)))


def unknown_parts(key: str, pattern: str, known: Iterable[str]) -> list[str]:
    """Return a problem for each part of `pattern` (the value of `key`) that is not `known`."""
    names = _braced(tuple(known))
    return [
        f"{key}: {pattern!r}: {unknown_name('{' + part + '}', names)}"
        for part in parts_of(pattern)
        if f"{{{part}}}" not in names
    ]


def _is_typo(part: str, known: str) -> bool:
    """Return whether a part is a known part with swapped letters, or with one letter more or
    less."""
    if sorted(part) == sorted(known) or abs(len(part) - len(known)) != 1:
        return part != known and sorted(part) == sorted(known)
    long, short = (part, known) if len(part) > len(known) else (known, part)
    return any(long[:at] + long[at + 1 :] == short for at in range(len(long)))


def _relative(value: str) -> str:
    if value.startswith(("/", "./", "../")) or "/../" in value:
        raise ValueError(f"write the pattern relative to competition.data (got {value!r})")
    return value


def _braced(names: tuple[str, ...]) -> list[str]:
    return [f"{{{name}}}" for name in names]
