"""Labeled images that the user leaves out. `competition.exclude` names a file with their ids."""

from collections.abc import Mapping
from pathlib import Path

from raytrain.config.errors import nearest
from raytrain.data.index import Found, Index, composed


def without_excluded(samples: list[Found], file: str) -> tuple[Index, list[Found]]:
    """Return the samples without the labeled images that the text file `file` lists, and the listed
    images. The file has one id a line.

    Problems are a file that cannot be read, and a line that names no image or a test image.
    """
    path = Path(file).expanduser().absolute()
    try:
        lines = _ids(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = (
            "no such file; correct the path"
            if isinstance(error, FileNotFoundError)
            else f"cannot be read as text in UTF-8 ({error}); save it as such a file"
        )
        return Index(samples, [f"{path}: {reason} (competition.exclude)"]), []
    known = {sample.id: sample for sample in samples}
    problems = [
        f"{path}: line {number}: {wrong} (competition.exclude)"
        for number, id in lines.items()
        if (wrong := _wrong(id, known))
    ]
    listed = {*lines.values()}
    excluded = [s for s in samples if s.id in listed and s.split != "test"]
    kept = [s for s in samples if s.id not in listed or s.split == "test"]
    return Index(kept, problems, _note(path, excluded)), excluded


def _ids(path: Path) -> dict[int, str]:
    """Return number -> id for each line that is not blank."""
    text = path.read_text(encoding="utf-8-sig")
    ids = {number: composed(line.strip()) for number, line in enumerate(text.splitlines(), 1)}
    return {number: id for number, id in ids.items() if id}


def _wrong(id: str, known: Mapping[str, Found]) -> str | None:
    if id not in known:
        guess = nearest(id, known)
        hint = f"did you mean {guess!r}?" if guess else "correct or delete the line"
        return f"no image has the id {id!r}; {hint}"
    if known[id].split == "test":
        return f"{id!r} is a test image, which must be predicted; delete the line"
    return None


def _note(path: Path, excluded: list[Found]) -> tuple[str, ...]:
    if not excluded:
        return (f"competition.exclude: {path} names no image, so none is left out",)
    counts = [(split, sum(s.split == split for s in excluded)) for split in ("train", "val")]
    of = " and ".join(f"{count} of {split}" for split, count in counts if count)
    names = ", ".join(sample.id for sample in excluded[:5])
    more = ", ..." if len(excluded) > 5 else ""
    return (
        f"labeled images that competition.exclude leaves out of training and validation: {of} "
        f"({names}{more})",
    )
