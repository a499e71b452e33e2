"""Infer the meaning of the numbers in encodings. Masks are decoded in every possible way, and the
results are compared."""

from dataclasses import dataclass, replace

import numpy as np

from raytrain.rle import decode
from raytrain.rle.guess import BOUNDLESS, Reading, Size, boundary
from raytrain.rle.pairs import read_pairs
from raytrain.rle.runs import Order
from raytrain.submission.inference.finding import Finding, Sure, unknown, vote

RISING = 10
"""Number of pairs of consecutive runs with rising starts from which starts count as absolute."""
DRAWN = 150
"""Number of masks that are decoded to compare the orders."""
ORDERS: tuple[Order, Order] = ("column", "row")


@dataclass(frozen=True)
class Told:
    """The encoding of one mask, its place and the size of its image."""

    where: str
    """File and row of the mask, as text for messages."""
    image: str
    text: str
    size_HW: Size | None
    """Size of the image; None if it is not known."""


@dataclass(frozen=True)
class Meant:
    """The reading of the encodings, and the findings about each of its fields."""

    reading: Reading
    findings: list[Finding]


def how_pairs_are_meant(told: list[Told]) -> Meant:
    """Return how `start length` pairs are meant: the order of the pixels, the number of the first
    pixel and the kind of starts.

    Raises ValueError when some texts cannot be read in any way.
    """
    readings = [
        Reading(first=1), Reading(first=0),
        Reading(first=1, starts="relative"), Reading(first=0, starts="relative"),
    ]  # fmt: skip
    faults = {reading: _first_fault(told, reading) for reading in readings}
    if all(faults.values()):
        shown = {reading.starts: faults[reading] for reading in readings}
        raise ValueError("; ".join(f"with {kind} starts: {f}" for kind, f in shown.items()))
    costs = _costs(told, [reading for reading in readings if not faults[reading]])
    starts = _starts(told, faults, costs)
    kept = [r for r in readings if not faults[r] and r.starts == (starts.value or "absolute")]
    order = _order(told, {r: c for r, c in costs.items() if replace(r, order="column") in kept})
    first = _first(kept, faults, costs, order)
    based = next(r for r in kept if first.value in (None, r.first))
    reading = replace(based, order=order.value or "column")
    return Meant(reading, [order, first, starts])


def _first_fault(told: list[Told], reading: Reading) -> str:
    """Return why the first unreadable text cannot be read this way; "" if all texts can."""
    for item in told:
        try:
            read_pairs(item.text, item.size_HW or BOUNDLESS, reading)
        except ValueError as error:
            return f"{item.where}: {error}"
    return ""


def _costs(told: list[Told], readings: list[Reading]) -> dict[Reading, list[int]]:
    """Return, for each reading with each order, the length in px of each mask's outline. Masks of
    unknown size are left out."""
    sized = [item for item in told if item.size_HW is not None]
    sized = sized[:: max(1, len(sized) // DRAWN)]
    return {
        replace(reading, order=order): [
            boundary(decode(item.text, item.size_HW, replace(reading, order=order)))
            for item in sized
            if item.size_HW is not None
        ]
        for reading in readings
        for order in ORDERS
    }


def _best(costs: dict[Reading, list[int]], field: str, value: object) -> list[int]:
    """Return the length of each mask's outline: the shortest among the readings whose `field` has
    this value."""
    found = [numbers for reading, numbers in costs.items() if getattr(reading, field) == value]
    return [min(numbers) for numbers in zip(*found, strict=True)]


def _starts(
    told: list[Told], faults: dict[Reading, str], costs: dict[Reading, list[int]]
) -> Finding:
    readable = [*dict.fromkeys(reading.starts for reading in faults if not faults[reading])]
    if len(readable) == 1:
        other = next(r for r in faults if r.starts != readable[0] and r.first == 0)
        if readable[0] == "relative":
            _refuse_few(told, other, faults[other])
        return Finding(
            "starts", readable[0], "decided", f"with {other.starts} starts, {faults[other]}"
        )
    pairs = sum(len(item.text.split()) // 2 - 1 for item in told)
    if not pairs:
        return unknown(
            "starts", "every mask is a single run; give masks with several runs (--train)"
        )
    if pairs >= RISING:
        why = f"starts rise in all {pairs} pairs of consecutive runs"
        return Finding("starts", "absolute", "decided", why)
    judged = vote({kind: _best(costs, "starts", kind) for kind in readable})
    if judged.sure == "cannot tell":
        why = f"starts rise in all {pairs} pairs of consecutive runs; more masks would decide it"
        return Finding("starts", "absolute", "likely", why)
    why = f"{judged.won} of {judged.votes} masks are more compact with {judged.winner} starts"
    return Finding("starts", judged.winner, judged.sure, why)


def _refuse_few(told: list[Told], absolute: Reading, fault: str) -> None:
    """Raise ValueError if only a few texts have falling starts. These texts are wrong, and the
    starts are not relative."""
    several = [item for item in told if len(item.text.split()) > 2]
    falling = sum(bool(_first_fault([item], absolute)) for item in several)
    if falling <= len(several) // 2:
        raise ValueError(
            f"{fault}; in {len(several) - falling} other rows the starts rise, so starts are "
            "absolute; correct the row or remove it"
        )


def _order(told: list[Told], costs: dict[Reading, list[int]]) -> Finding:
    sizes = {item.size_HW for item in told if item.size_HW is not None}
    if not sizes:
        return unknown("order", "the sizes of the images are unknown; give --images")
    if all(height == width for height, width in sizes):
        return unknown(
            "order",
            "all images are square, so the other order only transposes a mask; give images that "
            "are not square, or compare some masks with their images",
        )
    lengths = {order: _best(costs, "order", order) for order in ORDERS}
    judged = vote(lengths)
    if judged.sure == "cannot tell":
        seen = (
            f"{judged.won} of the {judged.votes} masks that differ are more compact in "
            f"{judged.winner} order"
            if judged.votes
            else "each mask is equally compact in both orders"
        )
        more = "more and larger masks on images that are not square would decide it"
        return unknown("order", f"{seen}; {more}")
    other = next(order for order in ORDERS if order != judged.winner)
    why = (
        f"{judged.won} of {judged.votes} masks are more compact in {judged.winner} order; all "
        f"outlines have {sum(lengths[judged.winner])} px in {judged.winner} order and "
        f"{sum(lengths[other])} px in {other} order"
    )
    return Finding("order", judged.winner, judged.sure, why)


def _first(
    kept: list[Reading], faults: dict[Reading, str], costs: dict[Reading, list[int]],
    order: Finding,
) -> Finding:  # fmt: skip
    """Return the finding about the number of the first pixel, from the readings with the right kind
    of starts."""
    if len(kept) == 1:
        other = next(r for r in faults if r.starts == kept[0].starts and r != kept[0])
        why = f"if the first pixel is {other.first}, {faults[other]}"
        return Finding("first", kept[0].first, "decided", why)
    why = (
        "a start of 0 would prove that the first pixel is 0, and a mask that ends at the "
        "last pixel of an image of known size would prove that it is 1; see the "
        "competition's page"
    )
    own = {
        reading: numbers
        for reading, numbers in costs.items()
        if reading.starts == kept[0].starts and reading.order == (order.value or reading.order)
    }
    if not any(own.values()):
        return unknown("first", why)
    judged = vote({base: _best(own, "first", base) for base in (1, 0)})
    if judged.sure != "decided":
        return unknown("first", why)
    # A run shifted by one wraps around the border; with relative starts every mask is sheared.
    sure: Sure = "decided" if kept[0].starts == "relative" else "likely"
    what = (
        "are more compact" if sure == "decided" else "at the image's border are in one piece only"
    )
    why = f"{judged.won} of {judged.votes} masks {what} if the first pixel is {judged.winner}"
    return Finding("first", judged.winner, sure, why)


def overlapping(told: list[Told], reading: Reading) -> str:
    """Return an image with two masks that share a pixel, or "" if there is none."""
    claimed: dict[str, np.ndarray] = {}
    for item in told[:DRAWN]:
        if item.size_HW is None:
            continue
        mask_HW = decode(item.text, item.size_HW, reading)
        before_HW = claimed.get(item.image, np.zeros_like(mask_HW))
        if (before_HW & mask_HW).any():
            return item.image
        claimed[item.image] = before_HW | mask_HW
    return ""
