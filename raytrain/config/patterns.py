"""Patterns with placeholders in braces, such as `{split}/image/{name}.png`."""

from raytrain.config.errors import unknown_name


def checked_pattern(value: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> str:
    """Return the pattern `value` if it is valid.

    Raises ValueError for a placeholder outside `allowed`, a missing one of `needed`, and a path
    that is not relative to the competition's folder.
    """
    for part in value.split("{")[1:]:
        field = part.split("}")[0]
        if field not in allowed:
            raise ValueError(f"{value!r}: {unknown_name('{' + field + '}', _braced(allowed))}")
    lacking = [field for field in _braced(needed) if field not in value]
    if lacking:
        raise ValueError(f"a pattern needs {' and '.join(lacking)} (got {value!r})")
    if value.startswith(("/", "./", "../")) or "/../" in value:
        raise ValueError(f"write the pattern relative to competition.data (got {value!r})")
    return value


def _braced(names: tuple[str, ...]) -> list[str]:
    return [f"{{{name}}}" for name in names]
