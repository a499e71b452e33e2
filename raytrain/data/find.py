"""Find a competition's samples, with split, group and neighbors; nothing is decoded yet."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.own import part_of
from raytrain.config.splits import PatternGroupSpec, TableGroupSpec
from raytrain.data.excluded import without_excluded
from raytrain.data.formats import FORMATS
from raytrain.data.index import Found
from raytrain.data.neighbours import needs_numbers, with_neighbours
from raytrain.data.splits import group_function, with_splits


@dataclass(frozen=True)
class FoundSamples:
    """The result of the search for samples in a competition's folder."""

    samples: list[Found]
    """Samples in natural order, split by split."""
    groups: dict[str, str]
    """Id of a sample -> its group."""
    problems: list[str]
    notes: tuple[str, ...]
    """Messages about what was done, which are not problems."""
    left_out: list[Found] = field(default_factory=list)
    """Images that `competition.splits` or `competition.exclude` leaves out; the notes give their
    number."""


def find_samples(competition: CompetitionSpec, root: Path) -> FoundSamples:
    """Return the samples (images with their masks) in the competition's folder `root`, with splits,
    groups, every problem, and notes."""
    find = part_of("FORMATS", competition.format, FORMATS).index
    index = find(competition.format, competition.splits, root)
    notes = index.notes
    tests = {sample.id for sample in index.samples if sample.split == "test"}
    if any(sample.split != "test" and sample.id in tests for sample in index.samples):
        index = replace(index, samples=[_told_apart(sample) for sample in index.samples])
        notes = (*notes, "labeled images have the names of test images, so their ids are "
                 "train_<name> and val_<name>")  # fmt: skip
    groups, wrong, more = _groups(competition, root, index.samples)
    problems = [*index.problems, *wrong]
    notes = (*notes, *more)
    samples, wrong, more = with_splits(index, competition.splits, root, groups)
    used = {sample.id for sample in samples}
    left_out = [sample for sample in index.samples if sample.id not in used and not sample.unlisted]
    problems += wrong
    notes = (*notes, *more)
    nameless = needs_numbers(samples, competition.neighbours)
    problems += nameless
    if competition.neighbours and not nameless:
        samples, named, replaced = with_neighbours(samples, competition.neighbours, groups)
        text = f"{replaced} of {named} neighboring frames are replaced by the image itself"
        if replaced and replaced == named:
            problems.append(
                f"competition.neighbours: {text}, because there is none in the same split and "
                "group; set competition.group to the frames that belong together, such as {name: "
                "stem} (the name without its number)"
            )
        elif replaced:
            notes = (*notes, text)
    if competition.exclude is None:
        return FoundSamples(samples, groups, problems, notes, left_out)
    # Last, so that an image without its mask still serves its neighbors as a channel.
    kept, excluded = without_excluded(samples, competition.exclude)
    problems, notes = [*problems, *kept.problems], (*notes, *kept.notes)
    return FoundSamples(kept.samples, groups, problems, notes, [*left_out, *excluded])


def _groups(
    competition: CompetitionSpec, root: Path, samples: list[Found]
) -> tuple[dict[str, str], list[str], tuple[str, ...]]:
    """Return the group of each id, the problems and the notes."""
    # An image without a valid group becomes its own group, so that other problems are found too.
    groups = {sample.id: sample.id for sample in samples}
    try:
        group_of = group_function(competition.group, root)
    except ValueError as error:
        lines = str(error).split("\n")
        return groups, [f"{line} (competition.group)" for line in lines], ()
    by_pattern = isinstance(competition.group, PatternGroupSpec)
    by_name = by_pattern or isinstance(competition.group, TableGroupSpec)
    problems, alone = [], []
    for sample in samples:
        try:
            name = sample.name if by_name else sample.id
            groups[sample.id] = group_of(name, sample.parts)
        except ValueError as error:
            if by_pattern and sample.split == "test":
                alone.append(sample.id)
            else:
                problems.append(f"{root / sample.image[0]}: {error} (competition.group)")
    if not alone:
        return groups, problems, ()
    note = (
        f"test images whose names lack a part of competition.group: {len(alone)}, such as "
        f"{alone[0]!r}"
    )
    return groups, problems, (note,)


def _told_apart(sample: Found) -> Found:
    """Put a labeled sample's split before its id. If `competition.splits` decides the split later,
    `train` is used. A test image keeps its name, because the submission needs it."""
    if sample.split == "test":
        return sample
    return replace(sample, id=f"{sample.split or 'train'}_{sample.id}", renamed=sample.id)
