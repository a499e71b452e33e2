"""A proposal for `competition.group` where near-duplicates share a part of their names."""

from collections.abc import Sequence
from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.splits import OwnGroupSpec
from raytrain.data.find import find_samples
from raytrain.data.guess.groups import ENOUGH, OWN, group_of_images
from raytrain.data.guess.written import flow
from raytrain.data.seen import Seen


def group_note(
    competition: CompetitionSpec, root: Path, seen: Sequence[Seen], pairs: Sequence[tuple[int, int]]
) -> tuple[str, ...]:
    """Return a note with the YAML line that keeps near-duplicates together, or no note.

    `pairs` are indices into `seen`. There is no note if the job names a group, or if neither names
    nor images show a rule that every image follows.
    """
    if not pairs or not isinstance(competition.group, OwnGroupSpec):
        return ()
    guess = group_of_images(seen, pairs)
    if guess.value == OWN.value:
        return ()
    tree = competition.model_dump(mode="json") | {"group": guess.value}
    before, after = (
        find_samples(CompetitionSpec.model_validate(each), root)
        for each in (competition.model_dump(mode="json"), tree)
    )
    if len(after.problems) > len(before.problems):
        return ()
    groups = [[after.groups[seen[place].row["id"]] for place in pair] for pair in pairs]
    together = sum(first == other for first, other in groups)
    if together < ENOUGH * len(pairs):
        return ()
    return (
        f"{together} of {len(pairs)} pairs of nearly equal images are in the same group by their "
        f"names ({guess.why}); so that folds do not divide these groups, write under competition: "
        f"group: {flow(guess.value)}",
    )
