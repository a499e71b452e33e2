"""`.finished.jsonl`: the images of a folder of predictions that are finished, so that the same
command continues after a kill."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from raytrain.config.base import Spec
from raytrain.data.new_images import NewImage
from raytrain.ensemble.source import Source
from raytrain.runs.files import append_line, read_spec_lines
from raytrain.runs.fingerprint import fingerprint

FILE = ".finished.jsonl"
REMEDY = "delete it and run the same command again: it predicts all images again"


class Line(Spec):
    """One line of the record: a finished image, and what its files were made from."""

    id: str
    of: str
    """Fingerprint of the ensemble, the kinds of files, the input files and the written files."""


class Finished:
    """The record of a folder of predictions. An image counts as finished only if its ensemble, its
    inputs and its written files are still the same; of several lines, the last one counts."""

    def __init__(
        self, folder: Path, source: Source, kinds: Sequence[str], images: Sequence[NewImage]
    ):
        """`kinds` names the kinds of files that are written for each image. Raises DamagedError
        when the record has a line that is not a `Line`."""
        self._path = folder / FILE
        content = source.bundle.model_dump(mode="json", exclude={"submission", "score"})
        cards = [
            path.with_suffix(".json").read_text("utf-8")
            for part in source.parts
            for path in part.networks
        ]
        self._key = fingerprint(content, cards, sorted(kinds))
        # A file that changes from now on is predicted again by the next command.
        self._inputs = {image.id: [*map(_facts, _inputs(image))] for image in images}
        lines = read_spec_lines(self._path, Line, REMEDY)
        self._of = {line.id: line.of for line in lines}

    def has(self, id: str, files: Sequence[Path]) -> bool:
        """Return whether an image is finished; `files` are the files that are written for it."""
        return self._of.get(id) == self._print(id, files)

    def add(self, files: Mapping[str, Sequence[Path]]) -> None:
        """Add images to the record, after all their files were written."""
        self._of |= {id: self._print(id, written) for id, written in files.items()}
        append_line(
            self._path, "\n".join(Line(id=id, of=self._of[id]).model_dump_json() for id in files)
        )

    def _print(self, id: str, files: Sequence[Path]) -> str:
        written = [(path.name, _facts(path)[1:]) for path in files]
        return fingerprint(self._key, self._inputs[id], written)


def _inputs(image: NewImage) -> list[Path]:
    """Return the files at an image's addresses, which may end with `#` and the row of a stack."""
    paths = map(Path, image.addresses)
    return [each if each.exists() else Path(str(each).rpartition("#")[0]) for each in paths]


def _facts(path: Path) -> tuple[str, int, int]:
    """Return the path, size and time of a file. A missing file has the size -1."""
    try:
        facts = path.stat()
    except OSError:
        return os.path.abspath(path), -1, -1
    return os.path.abspath(path), facts.st_size, facts.st_mtime_ns
