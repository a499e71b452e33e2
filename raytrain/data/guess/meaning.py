"""What the values in masks mean: class numbers, gray levels, colors, objects, or unlabeled
pixels."""

import re
from collections import Counter
from dataclasses import dataclass, replace

from raytrain.data.guess.classmap import ClassMap
from raytrain.data.guess.lossy import NEAR, colors_meant
from raytrain.data.guess.said import Candidate, Question, Said
from raytrain.data.guess.values import Seen
from raytrain.data.mask_values import GRAY

VOID = 255
MOST_CLASSES = 100
_BACKGROUND = re.compile(r"(?i)_*(?:background|bg|none|nothing)_*")
_VOID_NAME = re.compile(
    r"(?i)void|unlabel+ed|ignored?|unknown|undefined|don'?t[ _]?care|not[ _]labeled"
)
_NO_NAMES = "raytrain's own names; write better ones if you like (they change no result)"


@dataclass(frozen=True)
class Meaning:
    """The meaning of the values in masks, as parts of the YAML."""

    labels: Said | None
    classes: Said
    target: Said | None = None
    questions: tuple[Question, ...] = ()


def meaning(seen: Seen, nearly: bool, names: ClassMap | None) -> Meaning:
    """Return the meaning of the values in masks, as parts of the YAML with reasons. `nearly` says
    that the masks are lossy or have smooth edges; `names` are the names of a file that lists
    classes."""
    if seen.layers:
        return _layers(seen)
    lossy = nearly or len(seen.values) > MOST_CLASSES
    if seen.colored:
        meant = colors_meant(seen.pixels, seen.flat) if lossy else None
        return _colors(seen, names) if meant is None else _near_colors(meant, seen, names)
    values = sorted(seen.values)
    if nearly and values[-1] < 256:
        grays = {value * GRAY: count for value, count in seen.pixels.items()}
        levels = colors_meant(grays, seen.flat)
        if levels is not None and len(levels) > 2:
            return _near_levels(sorted(level // GRAY for level in levels), seen)
    if nearly or _has_soft_edges(seen):
        why = f"gray values {values[0]}..{values[-1]} lie near two levels; brighter is the object"
        return _binary(Said({"name": "threshold", "above": 127}, why))
    if len(values) > MOST_CLASSES or (len(values) > 20 and seen.counted >= 0.8 * seen.masks):
        return _binary(
            Said({"name": "threshold", "above": 0},
                 f"{len(values)} values, 0, 1, ... in each mask, count objects; all are one class")
        )  # fmt: skip
    return _levels(seen, values, names)


def _has_soft_edges(seen: Seen) -> bool:
    """Return whether nearly all pixels are black or white, and the others have many values
    between."""
    between = [value for value in seen.values if 20 < value < 235]
    if max(seen.values) > 255 or len(between) < 8:
        return False
    ends = sum(count for value, count in seen.pixels.items() if not 20 < value < 235)
    return ends >= 0.95 * seen.pixels.total() and max(seen.values) >= 235


def _binary(labels: Said | None) -> Meaning:
    return Meaning(labels, Said(["background", "object"], _NO_NAMES))


def _levels(seen: Seen, values: list[int], names: ClassMap | None) -> Meaning:
    known = names.numbers if names is not None else {}
    void = len(values) > 2 and values[-1] == VOID and VOID not in known and (
        seen.palette or values[-2] <= max(20, 2 * len(values))
    )  # fmt: skip
    ignore = [VOID] if void else []
    ignore += [value for value in values if _means_void(known.get(value, ""))]
    levels = [value for value in values if value not in ignore]
    if names is not None and known and set(levels) <= set(known):
        why = f"the classes of {names.file} that occur in the masks"
        own = levels if 0 in levels else [0, *levels]
        words = [known.get(level, "background") for level in own]
        if not _means_background(words[0]):
            why += f"; {words[0]} is the background, which is not scored"
        return _numbered(own, ignore, values, Said(words, why))
    levels = levels if 0 in levels else [0, *levels]
    if len(levels) == 2:
        return _two(levels, ignore, values)
    classes = Said(["background", *(f"class {number}" for number in levels[1:])], _NO_NAMES)
    return _numbered(levels, ignore, values, classes)


def _numbered(levels: list[int], ignore: list[int], values: list[int], classes: Said) -> Meaning:
    """Return the meaning of masks in which the values `levels` are the classes, in this order."""
    if levels == [*range(len(levels))]:
        return Meaning(_ignoring(ignore, values), classes)
    numbers = {value: place for place, value in enumerate(levels)}
    return Meaning(_valued(numbers, ignore, values), classes)


def _means_void(name: str) -> bool:
    return _VOID_NAME.fullmatch(name.strip()) is not None


def _means_background(name: str) -> bool:
    return _BACKGROUND.fullmatch(name.strip()) is not None


def _two(levels: list[int], ignore: list[int], values: list[int]) -> Meaning:
    classes = Said(["background", "object"], _NO_NAMES)
    if ignore:
        question = Question(
            "competition.format.labels",
            "masks have the values 0, 1 and 255: is 255 unlabeled, or a second class?",
            (
                Candidate("labels: {ignore: [255]}", "the usual meaning beside class numbers"),
                Candidate("labels: {name: values, classes: {0: 0, 1: 1, 255: 2}}",
                          "a class; add a third name to competition.classes"),
            ),
        )  # fmt: skip
        return Meaning(_ignoring(ignore, values), classes, questions=(question,))
    high = levels[-1]
    if high <= 1:
        return Meaning(None, classes)
    return Meaning(
        Said({"name": "values", "classes": {0: 0, high: 1}}, f"mask values are {_shown(values)}"),
        classes,
    )


def _ignoring(ignore: list[int], values: list[int]) -> Said | None:
    if not ignore:
        return None
    why = f"mask values are {_shown(values)}; {VOID} beside class numbers means unlabeled"
    return Said({"name": "classes", "ignore": ignore}, why)


def _valued(classes: dict[int, int], ignore: list[int], values: list[int]) -> Said:
    labels: dict[str, object] = {"name": "values", "classes": classes}
    why = f"mask values are {_shown(values)}: one class each"
    if ignore:
        labels["ignore"], why = ignore, f"{why}; {VOID} means unlabeled"
    return Said(labels, why)


def _colors(seen: Seen, names: ClassMap | None) -> Meaning:
    colors = [color for color, _ in seen.values.most_common()]
    if names is not None and set(names.colors) >= set(colors):
        return _named_colors(set(colors), names)
    first = 0 if 0 in colors else colors[0]
    ordered = [first, *sorted(color for color in colors if color != first)]
    words = ["background", *(f"class {_hex(color)[1:]}" for color in ordered[1:])]
    numbers = dict(zip(map(_hex, ordered), range(len(ordered)), strict=True))
    is_background = "black" if first == 0 else f"{_hex(first)}, which most masks have,"
    why = f"{len(colors)} colors in {seen.masks} masks; {is_background} is background"
    if len(ordered) > 2:
        # Colors for unlabeled pixels are pale, such as Pascal VOC's border.
        palest = min(ordered[1:], key=_strength)
        why += f"; if one of them means unlabeled, write it as ignore: ['{_hex(palest)}']"
    return Meaning(Said({"name": "values", "classes": numbers}, why), Said(words, _NO_NAMES))


def _near_colors(meant: list[int], seen: Seen, names: ClassMap | None) -> Meaning:
    """Return the meaning of masks whose pixels are near the colors `meant`."""
    names = names and replace(names, columns=None)  # a table of colors is for exact colors
    exact = {_named(color, names): len(meant) - place for place, color in enumerate(meant)}
    found = _colors(Seen(Counter(exact), masks=seen.masks), names)
    assert found.labels is not None
    why = f"{_lossy(len(seen.values), 'colors', len(meant))}; {found.labels.why}"
    return replace(found, labels=Said({**found.labels.value, "name": "nearest"}, why))


def _named(color: int, names: ClassMap | None) -> int:
    """Return the color of a file's class that is near a color, or the color itself."""
    named = {} if names is None else names.colors
    near = (each for each in named if max(map(abs, _difference(color, each))) <= NEAR)
    return min(near, key=lambda each: sum(map(abs, _difference(color, each))), default=color)


def _difference(one: int, other: int) -> tuple[int, int, int]:
    red, green, blue = ((one >> at & 255) - (other >> at & 255) for at in (16, 8, 0))
    return red, green, blue


def _lossy(values: int, what: str, meant: int) -> str:
    return f"{values} {what} lie near {meant}, because masks are lossy or have smooth edges"


def _near_levels(levels: list[int], seen: Seen) -> Meaning:
    """Return the meaning of gray masks whose pixels are near these levels."""
    words = ["background", *(f"class {number}" for number in range(1, len(levels)))]
    why = _lossy(len(seen.values), "gray values", len(levels))
    numbers = {level: place for place, level in enumerate(levels)}
    return Meaning(Said({"name": "nearest", "classes": numbers}, why), Said(words, _NO_NAMES))


def _strength(color: int) -> int:
    """Return the difference between a color's largest and smallest channel."""
    channels = (color >> 16, color >> 8 & 255, color & 255)
    return max(channels) - min(channels)


def _named_colors(colors: set[int], names: ClassMap) -> Meaning:
    """Return the meaning of colors whose names are in a file. Names without a pixel are left
    out."""
    void = [color for color, word in names.colors.items() if _means_void(word)]
    shown = {color: word for color, word in names.colors.items() if color in colors}
    words = [word for color, word in shown.items() if color not in void]
    first = next((word for word in words if _means_background(word)), None)
    why = f"the names in {names.file}, in its order"
    if first is None:
        why += "; class 0 is not scored, so it is one without pixels"
    others = (word for word in words if word != first)
    classes = Said([first or "background", *others], why)
    labels: dict[str, object]
    if names.columns is not None and len(shown) == len(names.colors):
        labels = {"name": "color_table", "file": names.file, "columns": [*names.columns]}
        ignore: list[str] = [names.colors[color] for color in void]
    else:
        own = {_hex(color): word for color, word in shown.items() if color not in void}
        labels = {"name": "values", "classes": own}
        ignore = [_hex(color) for color in void if color in colors]
    why = f"{names.file} names the colors"
    if ignore:
        labels["ignore"] = ignore
        why += f"; {names.colors[void[0]]} means unlabeled"
    return Meaning(Said(labels, why), classes)


def _layers(seen: Seen) -> Meaning:
    words = ["background", *(f"class {number}" for number in range(1, seen.layers + 1))]
    return Meaning(
        None, Said(words, _NO_NAMES),
        Said("multi_label", f"a mask has {seen.layers} channels, one for each class"),
    )  # fmt: skip


def _hex(color: int) -> str:
    return f"#{color:06x}"


def _shown(values: list[int]) -> str:
    words = [*map(str, values[:8])]
    return ", ".join(words) + (f", ..., {values[-1]}" if len(values) > 8 else "")
