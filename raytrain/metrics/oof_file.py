"""The evidence for a score, image by image: `final/oof_evidence.npz` of an ensemble out of fold,
and `trials/<fingerprint>/evidence.npz` of a trial's best epoch on its held-out images.

A submission keeps a copy under its tag, so that it can be compared with others even after a later
`finalize` of its run. Reading a file does not load torch.

Shape suffixes as in `metrics/evidence.py`.
"""

import json
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from raytrain.config.metrics import MetricSpec
from raytrain.metrics import gathered
from raytrain.metrics.evidence import Evidence, occurring
from raytrain.runs.files import atomic_path

_METRIC: TypeAdapter[MetricSpec] = TypeAdapter(MetricSpec)
_UNREADABLE = (
    KeyError, ValueError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
"""Errors of numpy and pydantic for a file that is empty, incomplete or of another kind."""


@dataclass(frozen=True)
class OofEvidence:
    """The evidence of an ensemble or a trial on images of groups that its models never saw."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    """The group of each image."""
    evidence: Evidence
    """Evidence in the order of `ids`."""
    metric: MetricSpec
    """The metric by which the evidence is scored."""

    def aligned(self, other: "OofEvidence") -> "OofEvidence":
        """Return this evidence in the order of the other's images, for the other's metric.

        Raises ValueError when the two are not comparable: other images, groups or masks, or no
        figures for that metric.
        """
        problems = _differences(self, other)
        if problems:
            raise ValueError("not comparable by out-of-fold scores: " + "; ".join(problems))
        place = {id: row for row, id in enumerate(self.ids)}
        rows = np.array([place[id] for id in other.ids])
        return replace(
            self, ids=other.ids, groups=other.groups, evidence=self.evidence.of(rows),
            metric=other.metric,
        )  # fmt: skip


def write_oof_evidence(path: Path, oof: OofEvidence) -> None:
    """Write out-of-fold evidence to a `.npz` file, completely or not at all."""
    evidence = oof.evidence
    assert len(oof.ids) == len(oof.groups) == len(evidence.counts_NK3)
    card = {
        "metric": oof.metric.model_dump(mode="json"),
        "gathered": [spec.model_dump(mode="json") for spec in evidence.gathered],
    }
    figures_NGK = evidence.figures_NGK
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            card=np.array(json.dumps(card)),
            ids=np.array(oof.ids, dtype=np.str_),
            groups=np.array(oof.groups, dtype=np.str_),
            counts_NK3=evidence.counts_NK3,
            figures_NGK=np.zeros((len(oof.ids), 0, 0)) if figures_NGK is None else figures_NGK,
        )


def read_oof_evidence(path: Path) -> OofEvidence:
    """Return the out-of-fold evidence in a file that `write_oof_evidence` wrote. Raises ValueError
    for any other file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        card = json.loads(str(found["card"]))
        specs = tuple(_METRIC.validate_python(spec) for spec in card["gathered"])
        return OofEvidence(
            ids=tuple(found["ids"].tolist()),
            groups=tuple(found["groups"].tolist()),
            evidence=Evidence(
                found["counts_NK3"], specs, found["figures_NGK"], occurring(found["counts_NK3"])
            ),
            metric=_METRIC.validate_python(card["metric"]),
        )
    except _UNREADABLE as error:
        raise ValueError(
            f"{path}: no out-of-fold evidence can be read from it: {error}; restore it from a "
            "copy, or repeat the command that wrote it"
        ) from None


def _differences(one: OofEvidence, other: OofEvidence) -> list[str]:
    if set(one.ids) != set(other.ids):
        only = sorted(set(one.ids) ^ set(other.ids))
        return [f"{len(only)} images are in only one of the two submissions, such as {only[0]}"]
    problems = []
    groups = dict(zip(one.ids, one.groups, strict=True))
    if [groups[id] for id in other.ids] != list(other.groups):
        problems.append("the images are grouped differently")
    truths = [_true_pixels(each) for each in (one, other)]
    changed = [id for id in other.ids if truths[0][id] != truths[1][id]]
    if changed:
        problems.append(
            f"the true pixels of {len(changed)} images differ, such as {changed[0]}: masks or "
            "classes changed"
        )
    needed: tuple[Any, ...] = gathered(other.metric)
    missing = [spec.label for spec in needed if spec not in one.evidence.gathered]
    if missing:
        problems.append(f"the submission has no figures for {' and '.join(missing)}")
    return problems


def _true_pixels(oof: OofEvidence) -> dict[str, list[int]]:
    """Return id -> number of true pixels of each class: hits plus misses."""
    counts_NK3 = oof.evidence.counts_NK3
    pixels_NK = counts_NK3[..., 0] + counts_NK3[..., 2]
    return dict(zip(oof.ids, pixels_NK.tolist(), strict=True))
