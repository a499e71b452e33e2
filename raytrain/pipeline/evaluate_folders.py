"""`evaluate --masks --truth`: score the masks of any folder against those of another folder."""

from pathlib import Path

import numpy as np

from raytrain.config.errors import first_lines, shortened
from raytrain.config.target import IGNORE
from raytrain.data.decode import decode_mask
from raytrain.metrics.evaluation import Tally
from raytrain.pipeline.evaluate import COLUMNS, Scores, write_scores
from raytrain.runs.messages import say, warn

BESIDE = (".csv", ".txt")
"""Files that raytrain writes beside masks."""


def evaluate_folders(masks: Path, truth: Path, file: Path) -> Scores:
    """Score mask files against the files of the same name, without suffix, in another folder, and
    write the figures to the CSV `file`.

    If all names of one folder have one more ending, such as `_mask`, they are compared without it.
    If each folder contains at most one value besides 0, such as 1 or 255, these values are the only
    class. Otherwise the values are class numbers, and 255 in the truth means unlabeled.

    Raises ValueError that lists every problem: a foreign file in the place of the CSV, names that
    only one folder has, unreadable files, masks of another size than their truth, and a truth in
    which no pixel has a class.
    """
    problems: list[str] = []
    if file.exists() and not _is_ours(file):
        problems.append(f"{file}: exists and is no evaluation; move it away")
    pairs = _pairs(masks, truth, problems)
    # The files are read twice, because the number of classes is known only after all of them.
    pred_values, true_values = _values(pairs, problems)
    others = [values - {0} for values in (pred_values, true_values)]
    binary = max(map(len, others)) <= 1
    void = set() if binary else {IGNORE}
    if others[0] & void:
        problems.append(
            f"{masks}: the value {IGNORE} is for unlabeled pixels of the truth; write class "
            "numbers, or 0 and one other value in each folder"
        )
    if true_values and not others[1] - void:
        listed = " and ".join(map(str, sorted(true_values)))
        problems.append(
            f"{truth}: no pixel has a class, because the only values are {listed}"
            f"{f' ({IGNORE} means unlabeled beside several classes)' * bool(others[1])}; give the "
            "true masks, with class numbers, or with 0 and one other value in each folder"
        )
    if problems:
        raise ValueError("\n".join(shortened(problems)))
    if binary and others[0] and others[0] != others[1]:
        say(f"the class is the value {others[0].pop()} in {masks}, {others[1].pop()} in {truth}")
    classes = 2 if binary else 1 + max((pred_values | true_values) - void)
    tally = Tally(classes, "single_label")
    for pair in pairs:
        pred_HW, true_HW = map(decode_mask, pair)
        if binary:
            pred_HW, true_HW = pred_HW != 0, true_HW != 0
        tally.add(pred_HW, true_HW)
    found, names = tally.result(), tuple(map(str, range(classes)))
    if found.unseen:
        listed = ", ".join(first_lines([*map(str, found.unseen)]))
        warn(f"{truth}: no pixel has one of these classes, so they have no figures: {listed}")
    write_scores(file, str(masks), {str(truth): found}, names)
    return Scores(str(masks), names, {str(masks): found}, file)


def _is_ours(file: Path) -> bool:
    """Return whether a file is the CSV of an earlier evaluation."""
    header = ",".join(COLUMNS).encode()
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(header)) == header


def _pairs(masks: Path, truth: Path, problems: list[str]) -> list[tuple[Path, Path]]:
    """Return mask and truth of each name. A name that only one folder has is a problem."""
    ours, theirs = _by_stem(masks, problems), _by_stem(truth, problems)
    endings = _ending(ours, theirs), _ending(theirs, ours)
    for folder, files, ending in zip((masks, truth), (ours, theirs), endings, strict=True):
        if ending:
            say(f"{folder}: the names are compared without their ending {ending}")
            for name in [*files]:
                files[name.removesuffix(ending)] = files.pop(name)
    for folder, files, other, partners in (
        (masks, ours, truth, theirs),
        (truth, theirs, masks, ours),
    ):
        problems += [
            f"{folder}: {name} has no file in {other}; give both files the same name, or move it "
            "away"
            for name in sorted(files.keys() - partners.keys())
        ]
    return [(ours[name], theirs[name]) for name in sorted(ours.keys() & theirs.keys())]


def _ending(files: dict[str, Path], others: dict[str, Path]) -> str:
    """Return the ending, such as `_mask`, that all these names have in addition to names of the
    other folder; empty if they have none, or if a name is in both folders."""
    if not files or files.keys() & others.keys():
        return ""
    first = min(files)
    endings = [first[at:] for at, sign in enumerate(first) if not sign.isalnum()]
    shared = ["", *(each for each in endings if all(name.endswith(each) for name in files))]
    return max(shared, key=lambda each: len({n.removesuffix(each) for n in files} & others.keys()))


def _values(pairs: list[tuple[Path, Path]], problems: list[str]) -> tuple[set[int], set[int]]:
    """Return the values in all masks, and the values in all truths. Problems of files are appended
    to `problems`."""
    values: tuple[set[int], set[int]] = (set(), set())
    for pair in pairs:
        try:
            pred_HW, true_HW = map(decode_mask, pair)
        except ValueError as error:
            problems.append(str(error))
            continue
        if pred_HW.shape != true_HW.shape:
            problems.append(
                f"{pair[0]}: is {_size(pred_HW)} px, and its truth {pair[1]} is {_size(true_HW)} "
                "px; give masks of the images' own size"
            )
        for known, mask_HW in zip(values, (pred_HW, true_HW), strict=True):
            known |= set(np.unique(mask_HW).tolist())
    return values


def _by_stem(folder: Path, problems: list[str]) -> dict[str, Path]:
    """Return name without suffix -> file. Two files of one name are a problem. Raises ValueError
    when there is no such folder."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; correct the path")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix in BESIDE:
            continue
        first = found.setdefault(path.stem, path)
        if first is not path:
            problems.append(f"{path}: has the same name as {first.name}; keep one of them")
    return found


def _size(mask_HW: np.ndarray) -> str:
    return f"{mask_HW.shape[1]}x{mask_HW.shape[0]}"
