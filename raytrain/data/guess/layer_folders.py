"""Folders with the numbered layers of an image, such as `a/layers/00.tif` beside `a/photo.png`."""

from collections import defaultdict

from raytrain.data.channels import CHANNEL
from raytrain.data.guess.families import Family
from raytrain.data.guess.found import Found
from raytrain.data.guess.pairs import Paired
from raytrain.data.guess.said import Candidate, Question
from raytrain.data.guess.split_rule import split_as_part
from raytrain.data.patterns import all_matches, filled
from raytrain.runs.messages import counted


def layer_question(found: Found, train: Paired) -> tuple[Question, ...]:
    """Return the question whether the images are the pictures that have masks, or the layers in a
    folder beside each of them; empty if there are no such layers."""
    folders = train.images.folders
    if "{name}" not in train.image_free:
        return ()
    labeled = {member.free for member in train.images.members}
    layered = [(each, layers) for each in found.roles.unlabeled if (layers := _layers(each))]
    for family, layers in layered:
        beside = family.folders[: len(folders)] == folders
        if not beside or labeled != {member.free for member in family.members}:
            continue
        pattern = family.pattern(train.image_free, f"{{{CHANNEL}}}")
        other = filled(split_as_part(pattern), split="test")
        named = other != pattern and all_matches(found.root, other)
        test = f', test_image: "{other}"' if named else ""
        candidates = (
            Candidate(f'image: "{train.image_pattern}"', counted(len(train.of), "image")),
            Candidate(f'image: "{pattern}"{test}', f"{layers} layers for each, as its channels"),
        )
        return (Question("competition.format.image", "which files are the images?", candidates),)
    return ()


def _layers(family: Family) -> int:
    """Return how many numbered files each folder of the family has; 0 if their names differ."""
    of: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for member in family.members:
        of[member.free].add(member.core)
    names = next(iter(of.values()))
    same = all(each == names and all(map(str.isdecimal, each)) for each in of.values())
    return len(names) if same and len(names) > 1 else 0
