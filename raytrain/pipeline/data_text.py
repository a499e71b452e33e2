"""The text that `check` prints about the data."""

from collections.abc import Sequence

from raytrain.config.errors import first_lines, shortened
from raytrain.data.checks import NEAR_LIMIT
from raytrain.data.report import DataReport, SplitFacts
from raytrain.runs.messages import counted

SIZES = 6
"""Number of sizes that a message lists; data.json lists all sizes, pairs and files."""
COPIES = 10
"""Number of names that a message lists of a set of equal images."""
NO_TEST = (
    "there are no test images, so there is nothing to submit; write where they are in "
    "competition.format.test_image, or in competition.splits, or run only `raytrain search` and "
    "`raytrain cv`"
)


def summary(report: DataReport) -> str:
    """Return the report as a few lines of text."""
    lines = [
        f"data {report.fingerprint}: {_sizes(report.sizes)}, "
        f"{counted(report.channels, 'channel')}, {report.dtype}"
    ]
    shown = {name: facts for name, facts in report.splits.items() if name != "train+val"}
    if "val" in shown:
        shown = report.splits
    lines += [_split_line(name, facts, report.classes) for name, facts in shown.items()]
    for kind, pairs in (
        ("the same image", report.duplicates), ("nearly the same image", report.near_duplicates)
    ):  # fmt: skip
        lines += first_lines([f"{_listed(names)} are {kind}" for names in sets_of(pairs)])
    if len(report.samples) > NEAR_LIMIT:
        lines.append(
            f"near-duplicates were not searched for: there are more than {NEAR_LIMIT} images"
        )
    lines += shortened([*report.disagreements])
    lines += report.notes
    if report.shift_auc is not None:
        lines.append(_shift_line(report.shift_auc))
    if "test" not in report.splits:
        lines.append(NO_TEST)
    return "\n  ".join(lines)


def sets_of(pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the sets of names that are connected by pairs, in the order of the pairs."""
    owner: dict[str, list[str]] = {}
    for pair in pairs:
        first, other = (owner.setdefault(name, [name]) for name in pair)
        if first is not other:
            first += other
            owner.update(dict.fromkeys(other, first))
    return [names for name, names in owner.items() if names[0] == name]


def _listed(names: list[str]) -> str:
    if len(names) > COPIES:
        names = [*names[:COPIES], f"{len(names) - COPIES} more"]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _sizes(sizes: dict[str, int]) -> str:
    """Return the sizes, width x height, each with its number of images, as text."""
    if len(sizes) == 1:
        return f"{next(iter(sizes))} px"
    text = ", ".join(f"{images} of {size}" for size, images in [*sizes.items()][:SIZES])
    more = f" and {len(sizes) - SIZES} more sizes" if len(sizes) > SIZES else ""
    return f"{text}{more} px (width x height)"


def _shift_line(auc: float) -> str:
    return (
        "train against test: shown one image of each, a classifier that knows only sizes and gray "
        f"values picks the test image in {100 * auc:.0f} % of the cases (AUC {auc:.2f}); 50 % "
        "means that they look alike"
    )


def _split_line(name: str, facts: SplitFacts, classes: tuple[str, ...]) -> str:
    mean, std = ("/".join(f"{value:.3f}" for value in v) for v in (facts.mean, facts.std))
    line = f"{name:<10} {facts.images:>6} images, values {facts.low:g}..{facts.high:g}, "
    line += f"mean {mean}, sd {std}"
    if facts.class_pixels:
        shares = [
            f"{label} {100 * pixels / max(1, facts.judged_pixels):.1f} %"
            for label, pixels in zip(classes, facts.class_pixels, strict=True)
        ]
        line += "; " + ", ".join(shares)
    if facts.ignored_pixels:
        line += f"; {facts.ignored_pixels} px ignored"
    if facts.empty_masks:
        line += f"; {facts.empty_masks} empty mask{'s' * (facts.empty_masks > 1)}"
    if facts.single_class_masks:
        line += f"; {facts.single_class_masks} masks with a single class"
    return line
