"""Weights files in their common forms. They are read, unpacked, and matched to an encoder."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from raytrain.models.tensors import load_tensors

State = Mapping[str, torch.Tensor]
SHOWN = 3
"""Largest number of unmatched entries that a message names."""
COUNTER = ".num_batches_tracked"
"""Suffix of BatchNorm's counters, which older files lack and evaluation does not need."""
RGB = 3
_OLD_DENSENET = re.compile(r"\.(norm|relu|conv)\.([12])\.")
"""Pattern of layer names in torchvision's own weights files of densenets."""


@dataclass(frozen=True)
class Match:
    """The entries of a weights file that match an encoder's entries."""

    fits: dict[str, torch.Tensor]
    total: int
    """Number of the encoder's entries, except BatchNorm's counters, which older files lack."""
    missing: list[str]
    misshapen: list[str]
    left: list[str]
    """Entries of the file that the encoder does not have."""

    @property
    def note(self) -> str | None:
        """A note with the entries of the file that are not used; None when all are used."""
        return f"{len(self.left)} entries are not used: {_some(self.left)}" if self.left else None

    @property
    def problem(self) -> str | None:
        """How many entries match, and the first ones that do not; None when all entries match."""
        if not self.missing and not self.misshapen:
            return None
        fitting = self.total - len(self.missing) - len(self.misshapen)
        parts = [f"{fitting} of {self.total} entries fit"]
        for what, names in (("missing", self.missing), ("of another shape", self.misshapen)):
            if names:
                parts.append(f"{what}: {_some(names)}")
        return "; ".join(parts)


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def read_state(path: Path) -> State:
    """Return name -> tensor from a file: a state dict, alone or inside a training checkpoint.

    Raises ValueError when there is none, or when loading the file would run code.
    """
    tree = _safetensors(path) if path.suffix == ".safetensors" else load_tensors(path)
    # The largest state dict in the file, because some files hold several.
    found = max(_states(tree), key=len, default=None)
    if not found:
        raise ValueError(f"{path}: it contains no named tensors; save model.state_dict()")
    return {_OLD_DENSENET.sub(r".\1\2.", name): value for name, value in found.items()}


def _safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: not a safetensors file ({error}); replace it") from None


def _states(tree: Any) -> Iterator[dict[str, torch.Tensor]]:
    """Yield all mappings from names to tensors, outer ones first."""
    if isinstance(tree, Mapping):
        yield {name: value for name, value in tree.items() if isinstance(value, torch.Tensor)}
        for inner in tree.values():
            yield from _states(inner)


def match(wanted: State, state: State) -> Match:
    """Return which entries of a weights file (`state`) match the entries of an encoder (`wanted`).
    Names on either side may have a prefix, such as `module.`, `model.` or `encoder.`. Other entries
    of the file, such as a head, are left out."""
    ours, theirs = _prefixes(wanted, state)
    fits, missing, misshapen, used = {}, [], [], set()
    for name, want in wanted.items():
        theirs_name = theirs + name.removeprefix(ours)
        value = state.get(theirs_name)
        used.add(theirs_name)
        if value is None:
            if not name.endswith(COUNTER):
                missing.append(name)
            continue
        value = _for_channels(value, want)
        if value.shape == want.shape:
            fits[name] = value
        else:
            misshapen.append(f"{name} {list(value.shape)} for {list(want.shape)}")
    total = sum(not name.endswith(COUNTER) for name in wanted)
    return Match(fits, total, missing, misshapen, [name for name in state if name not in used])


def _prefixes(wanted: State, state: State) -> tuple[str, str]:
    """Return the prefix to remove from the encoder's names and the prefix to add, so that most
    names match."""
    first = next(iter(wanted), "")
    head = first.partition(".")[0] + "."
    ours = ["", *([head] if all(name.startswith(head) for name in wanted) else [])]
    pairs = {(prefix, "") for prefix in ours}
    for prefix in ours:
        rest = first.removeprefix(prefix)
        pairs |= {(prefix, name.removesuffix(rest)) for name in state if name.endswith(f".{rest}")}

    def found(pair: tuple[str, str]) -> int:
        return sum(pair[1] + name.removeprefix(pair[0]) in state for name in wanted)

    return max(sorted(pairs), key=found)


def _for_channels(value: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """Return the weights of a first convolution for another number of channels. Those for RGB are
    averaged and scaled, so that activations keep their magnitude. Other values are unchanged."""
    first = value.ndim == want.ndim == 4 and value.shape[1] == RGB != want.shape[1]
    if not first or value.shape[0] != want.shape[0] or value.shape[2:] != want.shape[2:]:
        return value
    spread = value.mean(1, keepdim=True).expand(want.shape)
    return spread * RGB / want.shape[1]
