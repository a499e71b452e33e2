"""Infer the layout of the encodings, and the facts that follow from it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from raytrain.rle.guess import Reading, Size, best_layout, says_no_pixel
from raytrain.submission.inference.evidence import Meant, Told, how_pairs_are_meant
from raytrain.submission.inference.finding import Finding, unknown
from raytrain.submission.inference.tables import Table

READ = 600
"""Largest number of cells to read."""
MEASURED = 200
"""Largest number of images whose cells are read and whose files are opened for their sizes. They
are spread over the table."""
PAIR_FIELDS = ("order", "first", "starts")


def told_of(table: Table, images: list[str], size_of: Callable[[str], Size | None]) -> list[Told]:
    """Return the cells that encode at least one pixel, each with its image's name and size.

    Raises ValueError if the table and the image file disagree on a size.
    """
    cells, written = table.column(table.encoding), table.sizes()
    places = [at for at, cell in enumerate(cells) if not says_no_pixel(cell)]
    named = [*dict.fromkeys(images[at] for at in places)]
    measured = set(named[:: max(1, -(-len(named) // MEASURED))])
    kept = [at for at in places if images[at] in measured][:READ]
    told = []
    for at in kept:
        own, size_HW = written[at], size_of(images[at])
        if own is not None and size_HW is not None and own != size_HW:
            raise ValueError(
                f"{table.where(at)}: height {own[0]}, width {own[1]}, but the image "
                f"{images[at]!r} is {size_HW[1]}x{size_HW[0]} px; correct the row or the image"
            )
        told.append(Told(table.where(at), images[at], cells[at], size_HW or own))
    return told


def how_masks_are_written(told: list[Told]) -> tuple[Meant, list[Told]]:
    """Return the reading with its findings, and the texts, one per mask.

    Raises ValueError that names the row that cannot be read like the others.
    """
    if not told:
        why = "no cell encodes a mask; give a training table with masks (--train)"
        fields = ("layout", *PAIR_FIELDS, "prefix")
        return Meant(Reading(), [unknown(field, why) for field in fields]), []
    sizes = [item.size_HW for item in told]
    layout, step, fault = best_layout([item.text for item in told], sizes)
    if fault is not None:
        raise ValueError(
            f"{told[fault].where}: {told[fault].text[:40]!r} cannot be read as {_named(layout)}, "
            "as the other rows are; correct the row or remove it"
        )
    found = Finding("layout", layout, "decided", f"{len(told)} cells are {_named(layout)}")
    if layout == "pairs":
        meant = how_pairs_are_meant(told)
        none = Finding("prefix", "", "decided", "each row has the runs of one mask")
        return Meant(meant.reading, [found, *meant.findings, none]), told
    plain = [
        Finding(
            field,
            Reading.__dataclass_fields__[field].default,
            "decided",
            f"{layout} allows no other value",
        )
        for field in PAIR_FIELDS
    ]
    several = any(len(item.text.split()) > step for item in told)
    listed = _listed(told, step, several)
    texts = [
        replace(item, text=word) for item in told for word in item.text.split()[step - 1 :: step]
    ]
    return Meant(Reading(layout=layout), [found, *plain, *listed]), texts


def _listed(told: list[Told], step: int, several: bool) -> list[Finding]:
    """Return the findings for rows that list all objects of an image. They are recognized by a
    prefix, or by several masks in a cell. For other rows, nothing is found about `row`."""
    if step == 1 and not several:
        return [Finding("prefix", "", "decided", "each cell is one word")]
    prefixes = Counter(
        " ".join(words[at : at + step - 1])
        for words in (item.text.split() for item in told)
        for at in range(0, len(words), step)
    )
    (prefix, count), *others = prefixes.most_common()
    why = f"{count} of {prefixes.total()} objects have this prefix" + (
        "; raytrain writes it before every object" if others else ""
    )
    row = Finding(
        "row",
        "objects",
        "decided",
        f"a cell lists several masks, with {step} word{'s' * (step != 1)} each",
    )
    return [row, Finding("prefix", prefix, "likely" if others else "decided", why)]


def _named(layout: str) -> str:
    return {
        "pairs": "pairs of start and length",
        "coco": "COCO's compressed counts",
        "coco_zlib": "COCO's counts packed by zlib and base64",
    }[layout]
