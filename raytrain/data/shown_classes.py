"""Classes that no mask shows, and whether the sample submission names them."""

from pathlib import Path

from raytrain.config.competition import CompetitionSpec, SubmissionSpec
from raytrain.data.patterns import fields_in
from raytrain.data.seen import Seen
from raytrain.data.source import local_folder
from raytrain.data.tables import read_table


def class_problems(
    competition: CompetitionSpec, seen: list[Seen]
) -> tuple[list[str], tuple[str, ...]]:
    """Return a problem for each class that cannot be learned or scored from the masks; and a note
    if the sample submission names classes that no mask shows, so they are needed for its rows."""
    rows = {split: [s.row for s in seen if s.row["split"] == split] for split in ("train", "val")}
    if not rows["train"]:
        return ["train has no image; correct competition.splits"], ()
    numbers = range(1, len(competition.classes))
    labeled = rows["train"] + rows["val"]
    unseen = [k for k in numbers if not any(row[f"pixels_{k}"] for row in labeled)]
    words = sample_words(competition) if 0 < len(unseen) < len(numbers) else {}
    by_name = competition.submission.class_as == "name"
    named = [k for k in unseen if (competition.classes[k] if by_name else str(k)) in words]
    ignored = sum(row["ignored"] for row in labeled)
    hint = f" ({ignored} px are ignored by competition.format.labels)" if ignored else ""
    problems = [
        f"class {competition.classes[k]!r} ({k}): no mask has a pixel of it{hint}; "
        f"{_remedy(competition)}"
        for k in unseen
        if k not in named
    ]
    shown = any(row[f"pixels_{k}"] for row in rows["val"] for k in numbers)
    if rows["val"] and not shown and not problems:
        problems.append(
            "the masks of val contain only background, so they cannot be scored; correct "
            "competition.splits"
        )
    return problems, _note([competition.classes[k] for k in named], hint)


def _remedy(competition: CompetitionSpec) -> str:
    if competition.format.name == "numpy_stacks" and competition.target == "multi_label":
        return "save the masks without this channel, and remove the class from competition.classes"
    return "correct competition.format.labels, or remove the class from competition.classes"


def _note(names: list[str], hint: str) -> tuple[str, ...]:
    if not names:
        return ()
    return (
        f"classes that no mask shows{hint}, but whose rows the sample submission has: "
        f"{', '.join(names)}; no network can learn them, so expect empty masks, and they count in "
        "no score",
    )


def sample_words(competition: CompetitionSpec) -> dict[str, None]:
    """Return the words for classes (names or numbers) in the rows of the sample submission, in
    their order; none if the job names no sample, if it cannot be read, or if its rows are not by
    class."""
    spec = located(competition)
    if spec.sample is None or not spec.by_class:
        return {}
    try:
        table = read_table(Path(spec.sample))
    except ValueError:
        return {}  # `sample_problems` says why
    if spec.class_column in table.header:
        return dict.fromkeys(table.column(spec.class_column))
    if spec.columns[0] not in table.header:
        return {}
    found = (fields_in(cell, spec.id) for cell in table.column(spec.columns[0]))
    return dict.fromkeys(fields["class"] for fields in found if fields and "class" in fields)


def located(competition: CompetitionSpec) -> SubmissionSpec:
    """Return the competition's submission spec. A relative path of its sample is taken relative to
    competition.data, and made absolute."""
    spec = competition.submission
    if spec.sample is None:
        return spec
    path = Path(spec.sample).expanduser()
    path = path if path.is_absolute() else local_folder(competition.data) / path
    return spec.model_copy(update={"sample": str(path)})
