"""Find image files by patterns, with their splits and names."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from raytrain.config.annotations import OneFileSpec
from raytrain.config.fault import Fault
from raytrain.config.image_files import ImageFiles
from raytrain.config.splits import FolderSplitsSpec, FractionSplitsSpec
from raytrain.data.channels import channel_problem, planes_of, usual_channels
from raytrain.data.index import Found, Split, natural_key
from raytrain.data.patterns import filled, matches, split_words, val_note


@dataclass(frozen=True)
class ImageFile:
    """One image, of one file or of a file for each channel."""

    name: str
    split: Split | None
    """The split; None if the path does not give it, so that `competition.splits` decides."""
    word: str
    """The text of `{split}` in the image's path."""
    files: dict[str, str]
    """Channel -> address, as in `Planes.files`."""
    parts: dict[str, str]
    """The values of the parts of the image's path, except the split and the channel."""
    elsewhere: bool = False
    """Whether the image was found by the pattern `test_image`."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the image's channels in order."""
        return tuple(self.files.values())

    @property
    def address(self) -> str:
        """The address of the image's first file."""
        return self.addresses[0]


@dataclass(frozen=True)
class ImageSearch:
    """The image files of a competition, split by split in natural order of their names."""

    images: list[ImageFile]
    words: dict[Split | None, str]
    """The splits and their words for `{split}`, without test images that have a pattern of their
    own."""
    problems: list[str]
    notes: tuple[str, ...]
    repeated: list[ImageFile] = field(default_factory=list)
    """Image files whose name another image file has. This is a problem."""


def find_images(
    spec: ImageFiles, splits: object, root: Path, masks: Iterable[str] = ()
) -> ImageSearch:
    """Return the image files under `root` that match the patterns of `spec`, with their splits, and
    the problems. Files at the addresses `masks` are not images."""
    words, problems = image_words(spec, splits)
    if problems:
        return ImageSearch([], {}, problems, ())
    images: list[ImageFile] = []
    notes: list[str] = []
    others: list[ImageFile] = []
    repeated: list[ImageFile] = []
    taken = {*masks}
    if spec.test_image is not None:
        others, repeated, problems = _matching(spec, root, spec.test_image, "test", "")
        # A pattern such as {name}.png for the labeled images may match these, too.
        taken |= {address for image in others for address in image.addresses}
    for split, word in [*words.items()]:
        note = val_note(splits, split, root, spec.image)
        if note is not None:
            notes.append(note)
            del words[split]
            continue
        found, twice, wrong = _matching(spec, root, spec.image, split, word, taken)
        images += found
        repeated += twice
        problems += wrong
    images, wrong, more = _with_channels(spec, root, [*images, *others])
    return ImageSearch(images, words, [*problems, *wrong], (*notes, *more), repeated)


def image_words(spec: ImageFiles, splits: object) -> tuple[dict[Split | None, str], list[str]]:
    """Return split -> the word for `{split}` in the pattern `image`, and the problems. Test images
    with a pattern of their own are left out."""
    elsewhere = spec.test_image is not None
    by_file = isinstance(spec, OneFileSpec) and "{split}" in spec.file
    plain = isinstance(splits, FolderSplitsSpec) and "{split}" not in spec.image
    if plain and (elsewhere or by_file):
        return {"train": ""}, []
    words, problems = split_words(splits, spec.image, "competition.format.image")
    if elsewhere:
        words.pop("test", None)
    return words, problems


def unlisted_problems(
    spec: ImageFiles, splits: object, file: Path, samples: list[Found]
) -> list[str]:
    """Return a problem if only the annotations distinguish training from test images, and no rule
    says how to treat images that they do not list."""
    without = [sample.id for sample in samples if not sample.mask]
    unruled = isinstance(splits, FractionSplitsSpec) and getattr(spec, "unlisted", None) is None
    if not without or not unruled or spec.test_image is not None:
        return []
    return [
        f"{file}: lists {len(samples) - len(without)} of {len(samples)} images, but not "
        f"{without[0]!r}; set competition.format.unlisted for such images: empty (they have no "
        "object) or unlabelled (they are test images)"
    ]


def _with_channels(
    spec: ImageFiles, root: Path, images: list[ImageFile]
) -> tuple[list[ImageFile], list[str], tuple[str, ...]]:
    """Return the images with their channels in order, the problems, and a note with the order."""
    channels = spec.channels or usual_channels(image.files for image in images)
    if channels in ((), ("",)):
        return images, [], ()
    problems: list[str] = []
    found = []
    for image in images:
        problem = channel_problem(image.files, channels, bool(spec.channels))
        if problem:
            problems.append(Fault(root / image.address, problem))
        files = {channel: image.files[channel] for channel in channels if channel in image.files}
        found.append(replace(image, files=files or image.files))
    order = ", ".join(channels)
    note = f"images consist of {len(channels)} files each; their channels are, in order: {order}"
    return found, problems, (f"{note} (competition.format.channels)",)


def _matching(
    spec: ImageFiles, root: Path, pattern: str, split: Split | None, word: str,
    taken: Collection[str] = (),
) -> tuple[list[ImageFile], list[ImageFile], list[str]]:  # fmt: skip
    """Return the images of one split, the images whose name another image has, and the problems."""
    path = filled(pattern, split=word) if word else pattern
    found, problems = matches(root, path)
    images: dict[str, ImageFile] = {}
    repeated = []
    for planes in planes_of(match for match in found if match.address not in taken):
        name = filled(spec.naming, **planes.fields, split=word)
        elsewhere = pattern != spec.image
        image = ImageFile(name, split, word, planes.files, planes.fields, elsewhere)
        first = images.setdefault(name, image)
        if first is not image:
            repeated.append(image)
            parts = "_".join(f"{{{part}}}" for part in planes.fields)
            problems.append(
                Fault(
                    root / image.address,
                    f"its name {name!r} is also that of {first.address}; set "
                    f"competition.format.image_id to parts that differ, such as {parts!r}",
                )
            )
    if not images:
        what = f"of split {split!r} " if split else ""
        problems.append(f"{root / path}: no image {what}matches this pattern{_remedy(split, word)}")
    return [images[name] for name in sorted(images, key=natural_key)], repeated, problems


def _remedy(split: Split | None, word: str) -> str:
    if not word or split in (None, "train"):
        return "; correct the pattern"
    return (
        f"; correct the pattern, or set competition.splits.{split}: null if there is no such split"
    )
