"""Files whose paths follow a pattern with placeholders such as `{split}/image/{name}.png`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.splits import FolderSplitsSpec
from raytrain.data.index import SPLITS, Split

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Match:
    """One file and what the placeholders read in its path."""

    address: str
    fields: dict[str, str]


def split_words(
    splits: object, pattern: str, key: str
) -> tuple[dict[Split | None, str], list[str]]:
    """Split -> the word that `{split}` stands for; {None: ""} when the pattern holds no split.

    Also the problems: folders need `{split}` in the pattern, other kinds of splits must not have
    it.
    """
    if isinstance(splits, FolderSplitsSpec):
        if "{split}" not in pattern:
            return {}, [f"{key}: {pattern!r} lacks {{split}}, which competition.splits speaks of"]
        words = {split: getattr(splits, split) for split in SPLITS}
        return {split: word for split, word in words.items() if word is not None}, []
    if "{split}" in pattern:
        return {}, [
            f"{key}: {pattern!r} holds {{split}}, but competition.splits is not of kind folders"
        ]
    return {None: ""}, []


def matches(root: Path, pattern: str) -> Iterator[Match]:
    """Every file under `root` that fits; a placeholder spans no folder, and reads the same
    wherever it stands again."""
    expression = _expression(pattern)
    for path in root.glob(_FIELD.sub("*", _glob_escaped(pattern))):
        address = path.relative_to(root).as_posix()
        match = expression.fullmatch(address)
        # A link that leads nowhere is no folder: whoever reads it says so.
        if match and (path.is_file() or (path.is_symlink() and not path.is_dir())):
            yield Match(address, match.groupdict())


def fields_in(text: str, pattern: str) -> dict[str, str] | None:
    """What the placeholders read in `text`, or None when it does not fit the pattern."""
    match = _expression(pattern).fullmatch(text)
    return match.groupdict() if match else None


def filled(pattern: str, **fields: str) -> str:
    """The pattern with these placeholders replaced; others stay."""
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), pattern)


def _expression(pattern: str) -> re.Pattern[str]:
    text, end, seen = "", 0, set()
    for match in _FIELD.finditer(pattern):
        field = match[1]
        text += re.escape(pattern[end : match.start()])
        text += f"(?P={field})" if field in seen else f"(?P<{field}>[^/]+)"
        seen.add(field)
        end = match.end()
    return re.compile(text + re.escape(pattern[end:]))


def _glob_escaped(pattern: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", pattern)
