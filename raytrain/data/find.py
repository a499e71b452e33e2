"""From a competition's folder to its samples, each with split, group and neighbours; nothing is
decoded yet."""

from dataclasses import dataclass
from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.own import part_of
from raytrain.data.formats import FORMATS
from raytrain.data.index import Found
from raytrain.data.neighbours import needs_numbers, with_neighbours
from raytrain.data.splits import group_function, with_splits


@dataclass(frozen=True)
class FoundSamples:
    """What a competition's folder holds."""

    samples: list[Found]
    """In natural order split by split."""
    groups: dict[str, str]
    """The group of each id."""
    problems: list[str]
    notes: tuple[str, ...]
    """What was done that is no problem."""


def find_samples(competition: CompetitionSpec, root: Path) -> FoundSamples:
    """Samples, groups and every problem."""
    find = part_of("FORMATS", competition.format, FORMATS).index
    index = find(competition.format, competition.splits, root)
    # What has no group stands alone, so that what else is wrong is found, too.
    groups = {sample.id: sample.id for sample in index.samples}
    problems = list(index.problems)
    try:
        group_of = group_function(competition.group, root)
    except ValueError as error:
        problems += [f"{line} (competition.group)" for line in str(error).split("\n")]
    else:
        for sample in index.samples:
            try:
                groups[sample.id] = group_of(sample.id)
            except ValueError as error:
                problems.append(f"{root / sample.image[0]}: {error}")
    samples, wrong = with_splits(index, competition.splits, root, groups)
    problems += wrong
    nameless = needs_numbers(samples, competition.neighbours)
    problems += nameless
    notes: tuple[str, ...] = ()
    if competition.neighbours and not nameless:
        samples, named, replaced = with_neighbours(samples, competition.neighbours, groups)
        text = f"{replaced} of {named} neighbouring frames are replaced by the image itself"
        if replaced and replaced == named:
            problems.append(
                f"competition.neighbours: {text}, as there is none of the same split and group; "
                "say in competition.group which frames belong together, such as {name: stem} (the "
                "name without its number)"
            )
        elif replaced:
            notes = (text,)
    return FoundSamples(samples, groups, problems, notes)
