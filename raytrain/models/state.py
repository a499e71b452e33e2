"""Weights files as people have them: read, unpacked, and matched with the entries of an encoder."""

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
"""Entries that do not fit and are named."""
COUNTER = ".num_batches_tracked"
"""BatchNorm's, which older files lack and evaluation does not need."""
RGB = 3
_OLD_DENSENET = re.compile(r"\.(norm|relu|conv)\.([12])\.")
"""As torchvision's own files of densenets have it."""


@dataclass(frozen=True)
class Match:
    """Which entries of a file stand for which of an encoder."""

    fits: dict[str, torch.Tensor]
    total: int
    """Entries of the encoder, less the counters of BatchNorm, which older files lack."""
    missing: list[str]
    misshapen: list[str]
    left: list[str]
    """Entries of the file that the encoder does not have."""

    @property
    def note(self) -> str | None:
        """What of the file is not used; None when all is."""
        return f"{len(self.left)} entries are not used: {_some(self.left)}" if self.left else None

    @property
    def problem(self) -> str | None:
        """How much does not fit, with the first entries; None when all does."""
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
    """The tensors of a file by name: a state dict, alone or inside a training's checkpoint.

    Raises ValueError when there is none, or when loading it would run code.
    """
    tree = _safetensors(path) if path.suffix == ".safetensors" else load_tensors(path)
    # The largest of the state dicts in it: some files hold several.
    found = max(_states(tree), key=len, default=None)
    if not found:
        raise ValueError(f"{path}: no tensors are in it by name; save model.state_dict()")
    return {_OLD_DENSENET.sub(r".\1\2.", name): value for name, value in found.items()}


def _safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: not a safetensors file ({error})") from None


def _states(tree: Any) -> Iterator[dict[str, torch.Tensor]]:
    """All mappings of names to tensors, the outer ones first."""
    if isinstance(tree, Mapping):
        yield {name: value for name, value in tree.items() if isinstance(value, torch.Tensor)}
        for inner in tree.values():
            yield from _states(inner)


def match(wanted: State, state: State) -> Match:
    """Entries of the file by the encoder's names, whatever stands before the names on either side:
    `module.`, `model.`, `encoder.`; what else is in the file, such as a head, is left out."""
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
    """What to take off the encoder's names and to put before the rest, so that most are found."""
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
    """A first convolution made for RGB, fitted to other channels by averaging over its own and
    scaling, so that activations keep their size; anything else as it is."""
    first = value.ndim == want.ndim == 4 and value.shape[1] == RGB != want.shape[1]
    if not first or value.shape[0] != want.shape[0] or value.shape[2:] != want.shape[2:]:
        return value
    spread = value.mean(1, keepdim=True).expand(want.shape)
    return spread * RGB / want.shape[1]
