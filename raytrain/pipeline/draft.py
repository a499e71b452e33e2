"""A YAML with a reason for each line, from the files of an unknown competition."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from raytrain.config.codes import CodedError
from raytrain.config.competition import CompetitionSpec, name_of
from raytrain.config.errors import problems_of
from raytrain.config.job import FoldSpec, JobSpec
from raytrain.config.load import job_from
from raytrain.data.bare_truth import shows_object
from raytrain.data.checks import Inspected, read_all
from raytrain.data.describe import describe
from raytrain.data.find import find_samples
from raytrain.data.folds import make_folds
from raytrain.data.guess.found import Layout
from raytrain.data.guess.groups import group_of_images
from raytrain.data.guess.kinds import Images, parts
from raytrain.data.guess.layout import BY_HAND, layout_of
from raytrain.data.guess.said import Question, Said, Tree, plain
from raytrain.data.guess.table_roles import group_table
from raytrain.data.guess.written import written
from raytrain.data.report import DataReport
from raytrain.data.source import absolute, local_folder
from raytrain.pipeline.check import ensemble_problems, job_problems
from raytrain.runs.messages import counted
from raytrain.submission.inference.layout_dialect import LayoutDialect, layout_dialect

MOST_FOLDS = 5
MOST_QUESTIONS = 3


@dataclass(frozen=True)
class Draft:
    """The YAML of an unknown competition, and what a person has to know about it."""

    name: str
    """The competition's name, which is also the default name of the file."""
    text: str
    job: JobSpec
    questions: tuple[Question, ...]
    """Questions that the files do not answer. The YAML holds the most likely answers."""
    problems: tuple[str, ...]
    """The problems because of which `raytrain check` will refuse the data."""
    report: DataReport | None
    """The report of the data, which were read in full; None if there are problems."""


def draft_of(folder: str, sample: Path | None, file: str | None = None) -> Draft:
    """Look at all files of a folder, a zip or an address, and write the YAML of its competition.

    `sample` is the sample submission, if it is outside the folder. `file` is the YAML's name, which
    the first lines of the YAML mention. If no masks are found, raises ValueError with a list of the
    files that were seen.
    """
    root = local_folder(folder)
    layout, tables = layout_of(root, sample)
    dialect = layout_dialect(root, layout, tables)
    name = name_of(absolute(folder))
    head = competition_tree(name, folder, layout, dialect)
    competition = _competition(plain(head))
    found = read_all(competition)
    by_table = group_table(root, tables, {*layout.images}) if layout.images else None
    group = by_table or _group(competition, root, found)
    head = _before("metric", "group", group, _with_truth(head, found))
    competition = _competition(plain(head))
    report = None if found.problems else _report(competition, root, found)
    images = _images(competition, found, report)
    tree: dict[str, Said | Tree] = {"competition": head}
    tree |= parts(images, _most_folds(report))
    job = job_from({k: v for k, v in plain(tree).items() if k != "profiles"}, f"{name}.yaml")
    problems = [*found.problems]
    if report is not None:
        problems += [*job_problems(job, report), *ensemble_problems(job)]
    questions = (*layout.questions, *dialect.questions)[:MOST_QUESTIONS]
    text = written(tree, _head(file or f"{name}.yaml"), questions)
    return Draft(name, text, job, questions, tuple(problems), report)


def competition_tree(
    name: str, folder: str, layout: Layout, dialect: LayoutDialect
) -> dict[str, Said | Tree]:
    """Return the part `competition` of the YAML, without `group`."""
    meaning = dialect.meaning or layout.meaning
    assert meaning is not None
    tree: dict[str, Said | Tree] = {
        "name": Said(name, "the folder's name; results go to runs/<name>"),
        "data": Said(folder, "the folder that init looked at"),
        "format": {**layout.format, **dialect.format},
    }
    if layout.splits is not None:
        tree["splits"] = layout.splits
    tree["classes"] = meaning.classes
    target = layout.target or meaning.target
    if target is not None:
        tree["target"] = target
    tree["metric"] = Said("dice", "the mean over images and classes; see `raytrain metrics`")
    tree["submission"] = dialect.submission
    return tree


def _competition(tree: dict[str, Any]) -> CompetitionSpec:
    """Return the competition of a tree. Raises ValueError that shows the tree if it is not
    valid."""
    try:
        return CompetitionSpec.model_validate(tree)
    except ValidationError as error:
        problems = problems_of(error, CompetitionSpec, "competition.")
        lines = [*problems, f"raytrain read the folder as format: {tree['format']}"]
    text = "\n  ".join(["raytrain cannot write a valid YAML for this folder", *lines])
    raise CodedError("data", f"{tree['data']}: {text}\n{BY_HAND}", problems)


def _head(file: str) -> list[str]:
    return [
        "Written by `raytrain init`. The comments say why each value is what it is. Change what",
        "you know better, then:",
        "",
        f"  raytrain check {file}",
        f"  raytrain run {file}",
    ]


def _group(competition: CompetitionSpec, root: Path, found: Inspected) -> Said | Tree:
    """Return `competition.group`. If a group has images in train and in val, each image is its own
    group."""
    own = Said({"name": "own"}, "each image is its own group")
    if not found.seen:
        return own
    pairs = found.equal + found.near
    guess = group_of_images(found.seen, pairs)
    tree = competition.model_dump(mode="json") | {"group": guess.value}
    grouped = find_samples(_competition(tree), root)
    wrong = len(grouped.problems)
    if wrong and wrong > len(find_samples(competition, root).problems):
        return own
    splits: dict[str, set[str]] = {}
    for sample in grouped.samples:
        splits.setdefault(grouped.groups[sample.id], set()).add(str(sample.split))
    both = [group for group, of in splits.items() if {"train", "val"} <= of]
    if both:
        why = f"{guess.value} would be a group, but {both[0]} is in train and in val, so scores "
        return replace(own, why=f"{why}on val are too good")
    ids = [[found.seen[place].row["id"] for place in pair] for pair in pairs]
    apart = sum(grouped.groups[one] != grouped.groups[other] for one, other in ids)
    if apart:
        text = f"{apart} of {len(pairs)} pairs of nearly equal images are in different groups"
        return replace(guess, why=f"{guess.why}; {text}")
    return guess


def _with_truth(head: dict[str, Said | Tree], found: Inspected) -> dict[str, Said | Tree]:
    """Return the tree with a comment on the truth of the test images, if they have masks."""
    masks = sum(seen.row["split"] == "test" and bool(seen.row["mask"]) for seen in found.seen)
    scored = f"{counted(masks, 'test image')} with masks, which only `raytrain evaluate` reads"
    words = "\n".join([scored] * bool(masks) + [*found.assumed])
    format = head["format"]
    assert not isinstance(format, Said)
    key = next((key for key in ("file", "mask", "masks", "table") if key in format), "name")
    said = format[key]
    if not words or not isinstance(said, Said):
        return head
    return {**head, "format": {**format, key: replace(said, why=f"{said.why}\n{words}")}}


def _report(competition: CompetitionSpec, root: Path, found: Inspected) -> DataReport:
    """Return the report with the groups that `competition` gives."""
    groups = find_samples(competition, root).groups
    seen = [replace(each, row={**each.row, "group": groups[each.row["id"]]}) for each in found.seen]
    return describe(competition, seen, found.equal, found.near, found.notes)


def _before(
    place: str, key: str, node: Said | Tree, tree: dict[str, Said | Tree]
) -> dict[str, Said | Tree]:
    """Return the tree with one more key, before the key `place`."""
    items = [*tree.items()]
    at = [*tree].index(place)
    return dict([*items[:at], (key, node), *items[at:]])


def _images(
    competition: CompetitionSpec, found: Inspected, report: DataReport | None
) -> Images:  # fmt: skip
    labeled = [seen for seen in found.seen if seen.row["mask"]]
    return Images(
        labeled=len(labeled),
        groups=len(labeled) if report is None else int(report.labeled["group"].nunique()),
        sizes_HW=tuple({(seen.row["height"], seen.row["width"]): None for seen in found.seen})
        or ((256, 256),),
        gray=all(_is_gray(seen.row, seen.kind[0]) for seen in found.seen),
        overlap=competition.target == "multi_label",
        shown=sum(map(shows_object, labeled)) / max(1, len(labeled)),
    )


def _is_gray(row: dict[str, object], channels: int) -> bool:
    means = {(row[f"mean_{channel}"], row[f"square_{channel}"]) for channel in range(channels)}
    return len(means) == 1


def _most_folds(report: DataReport | None) -> int:
    """Return the largest number of folds that the labeled images allow; 0 if they allow no
    folds."""
    for count in range(MOST_FOLDS, 1, -1):
        try:
            if report is not None:
                make_folds(report, FoldSpec(count=count))
        except ValueError:
            continue
        return count
    return 0
