"""From a competition's folder to its samples, each with split, group and neighbours; nothing is
decoded yet."""

from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.own import part_of
from raytrain.data.formats import FORMATS
from raytrain.data.index import Found
from raytrain.data.neighbours import needs_numbers, with_neighbours
from raytrain.data.splits import group_function, with_splits


def find_samples(
    competition: CompetitionSpec, root: Path
) -> tuple[list[Found], dict[str, str], list[str]]:
    """Samples in natural order split by split, the group of each id, and every problem."""
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
    if not nameless:
        samples = with_neighbours(samples, competition.neighbours, groups)
    return samples, groups, problems + nameless
