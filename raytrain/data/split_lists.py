"""Splits from text files with one image name a line, as Pascal VOC has them."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from raytrain.config.errors import nearest
from raytrain.config.splits import ListSplitsSpec
from raytrain.data.index import SPLITS, Found, Split, composed


def by_lists(
    samples: list[Found], spec: ListSplitsSpec, root: Path
) -> tuple[list[Found], list[str], tuple[str, ...]]:
    """Return the listed samples with their splits, the problems, and a note about the others."""
    place = {sample.name: at for at, sample in enumerate(samples)}
    for at, sample in enumerate(samples):
        address = composed(sample.image[0])
        place.setdefault(address, at)
        place.setdefault(PurePosixPath(address).name, at)
    owner: dict[int, tuple[Split, str]] = {}
    problems: list[str] = []
    for split in SPLITS:
        file = getattr(spec, split)
        for number, line in _lines(root, file, problems) if file is not None else ():
            here = f"{root / file}: line {number}"
            at = place.get(line.removeprefix("./"), -1)
            if at < 0:
                guess = nearest(line, place)
                hint = f"did you mean {guess!r}?" if guess else "correct or delete the line"
                problems.append(f"{here}: no image is called {line!r}; {hint} (competition.splits)")
            elif owner.setdefault(at, (split, here))[0] != split:
                problems.append(
                    f"{here}: {line!r} is also in {owner[at][0]} ({owner[at][1]}); keep one "
                    "(competition.splits)"
                )
    listed = [replace(samples[at], split=split) for at, (split, _) in owner.items()]
    rest = [sample.name for at, sample in enumerate(samples) if at not in owner]
    note = (
        f"images in no list of competition.splits, which are not used: {len(rest)}, such as "
        f"{rest[0]!r}",
    ) if rest and not problems else ()  # fmt: skip
    return sorted(listed, key=lambda sample: place[sample.name]), problems, note


def _lines(root: Path, file: str, problems: list[str]) -> list[tuple[int, str]]:
    """Return number and text of the lines that are not blank; adds a problem for an unreadable or
    empty file."""
    try:
        text = (root / file).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problems.append(f"{root / file}: no such file; correct the path (competition.splits)")
        return []
    except (OSError, UnicodeDecodeError) as error:
        problems.append(
            f"{root / file}: cannot be read as text in UTF-8 ({error}); save it as such a file "
            "(competition.splits)"
        )
        return []
    lines = [(n, composed(line.strip())) for n, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line]
    if not lines:
        problems.append(f"{root / file}: names no image; write one a line (competition.splits)")
    return lines
