"""Splits by a word inside the names of images, such as `1_train_0.png` and `1_test_0.png`."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from raytrain.config.patterns import parts_of
from raytrain.data.guess.families import Member
from raytrain.data.guess.files import split_of
from raytrain.data.guess.pairs import NAMED, Paired
from raytrain.data.guess.split_rule import WORD
from raytrain.data.patterns import fields_in, filled

_JOINTS = re.compile(r"([_\-. ]*).*?([_\-. ]*)")


def by_word(pair: Paired) -> dict[str, Paired]:
    """Return the images and masks of each split, if each image has a mask, and each image's name
    has one word of a split; else an empty dict. The words say train, test, and perhaps val."""
    places = {*pair.image_free, *pair.mask_free}
    named = pair.image_core == "{name}" and "{name}" in pair.mask_core
    said = split_of(pair.images.text) or split_of(pair.masks[0].text)
    if not named or said or places & {"{name}", *NAMED} or len(pair.of) < len(pair.images.members):
        return {}
    words = [[*WORD.finditer(member.core)] for member in pair.images.members]
    if any(len(each) != 1 for each in words):
        return {}
    before = [each[0].string[: each[0].start()] for each in words]
    after = [each[0].string[each[0].end() :] for each in words]
    core = f"{_around(before, 'first')}{{split}}{_around(after, 'last')}"
    if len(parts_of(core)) == 2:
        core = core.replace("{first}", "{name}").replace("{last}", "{name}")
    of: dict[str, list[Member]] = defaultdict(list)
    for member, (word,) in zip(pair.images.members, words, strict=True):
        if fields_in(member.core, filled(core, split=word[0])) is None:
            return {}
        of[word[0]].append(member)
    splits = [split_of(word) for word in of]
    if not {"train", "test"} <= {*splits} or len({*splits}) < len(splits):
        return {}
    return {
        split_of(word) or "": _part(pair, members, filled(core, split=word))
        for word, members in of.items()
    }


def _part(pair: Paired, members: Sequence[Member], core: str) -> Paired:
    """Return the pair with these images alone, whose names have the pattern `core`."""
    return replace(
        pair,
        images=replace(pair.images, members=tuple(members)),
        of={member.address: pair.of[member.address] for member in members},
        image_core=core,
        mask_core=pair.mask_core.replace("{name}", core),
    )


def _around(texts: Sequence[str], part: str) -> str:
    """Return the text that all texts are, or a pattern of them: the part, and the joints around it
    that all of them share."""
    if len({*texts}) == 1:
        return texts[0]
    joints = [match.groups() for text in texts if (match := _JOINTS.fullmatch(text))]
    start, end = (side[0] if len({*side}) == 1 else "" for side in zip(*joints, strict=True))
    return f"{start}{{{part}}}{end}"
