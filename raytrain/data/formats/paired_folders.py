"""Image and mask files whose paths follow a pattern (cardiac MR: `train/image/cmr1.png`)."""

import re
from pathlib import Path

from raytrain.config.job import PairedFoldersSpec
from raytrain.data.index import SPLITS, Index, Sample, Split, natural_key


def index_paired_folders(spec: PairedFoldersSpec, root: Path) -> Index:
    """Match the image and mask patterns under `root` and pair what they find by name."""
    samples: list[Sample] = []
    problems: list[str] = []
    if not root.is_dir():
        return Index([], [f"{root}: no such folder (competition.data)"])
    for split in SPLITS:
        if split in spec.splits:
            found, wrong = _split_samples(spec, root, split)
            samples += found
            problems += wrong
    owner: dict[str, Sample] = {}
    for sample in samples:
        first = owner.setdefault(sample.id, sample)
        if first is not sample:
            problems.append(
                f"{sample.image}: the name {sample.id!r} stands in {first.split} too; rename one"
            )
    return Index(samples, problems)


def _split_samples(
    spec: PairedFoldersSpec, root: Path, split: Split
) -> tuple[list[Sample], list[str]]:
    images = _matches(root, spec.image, spec.splits[split])
    masks = _matches(root, spec.mask, spec.splits[split]) if split != "test" else {}
    pattern = spec.image.replace("{split}", spec.splits[split])
    problems = []
    if not images:
        problems.append(f"{root / pattern}: no image of split {split!r} matches this pattern")
    samples = [
        Sample(name, split, images[name], masks.get(name))
        for name in sorted(images, key=natural_key)
    ]
    if split != "test":
        for sample in samples:
            if sample.mask is None:
                mask = spec.mask.replace("{split}", spec.splits[split])
                expected = root / mask.replace("{name}", sample.id)
                problems.append(f"{sample.image}: its mask is missing; expected {expected}")
        for name in sorted(masks.keys() - images.keys(), key=natural_key):
            problems.append(f"{masks[name]}: a mask without an image {name!r}")
    return samples, problems


def _matches(root: Path, pattern: str, split: str) -> dict[str, Path]:
    """Name -> path of every file that matches the pattern (`{name}` spans no folder)."""
    pattern = pattern.replace("{split}", split)
    first, *rest = pattern.split("{name}")
    # A second {name} in the pattern must repeat the first.
    expression = re.compile(
        re.escape(first) + r"(?P<name>[^/]+)" + r"(?P=name)".join(map(re.escape, rest))
    )
    found = {}
    for path in root.glob(_glob_escaped(pattern)):
        match = expression.fullmatch(path.relative_to(root).as_posix())
        if match and path.is_file():
            found[match["name"]] = path
    return found


def _glob_escaped(pattern: str) -> str:
    return "*".join(re.sub(r"([*?[])", r"[\1]", part) for part in pattern.split("{name}"))
