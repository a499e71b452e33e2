"""`predict`: predict masks of new images, with a run's ensemble, a bundle or a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from raytrain.backend.counting import Counting
from raytrain.config.competition import SubmissionSpec
from raytrain.config.duration import duration_text
from raytrain.config.errors import shortened
from raytrain.config.target import outputs, stored_type
from raytrain.data.decode import decode_mask
from raytrain.data.neighbours import own_frame
from raytrain.data.new_images import FoundImages, NewImage, find_images, read_new
from raytrain.ensemble.afford import foreseen_s
from raytrain.ensemble.finished import Finished
from raytrain.ensemble.new_maps import new_strips, parts_of
from raytrain.ensemble.prediction import Strips, load_share
from raytrain.ensemble.shares import cost_text, shares
from raytrain.ensemble.source import Source, open_source
from raytrain.metrics.decide import mask_of_strips
from raytrain.pipeline.predict import write_mask
from raytrain.report.images import overlaid, visible
from raytrain.runs.bundle import Bundle
from raytrain.runs.files import atomic_path
from raytrain.runs.maps import written_strips
from raytrain.runs.messages import counted, say
from raytrain.submission.table import build_table, write_table

Extra = Literal["probabilities", "overlay", "csv"]
"""Files that are written in addition to the masks."""
BESIDE: dict[Extra, str] = {"probabilities": ".npy", "overlay": "_overlay.png"}
"""Kind of additional file -> ending of its name, which follows the image's name."""
CSV = "submission.csv"
MEASURED_FROM = 20
"""Number of images from which one of them is predicted first, to estimate the time."""


@dataclass(frozen=True)
class Predicted:
    """The result of predicting new images."""

    masks: tuple[Path, ...] = field(repr=False)
    """Files of the masks, in the order of the images."""
    csv: Path | None
    left_out: tuple[str, ...]
    """Files that are not images, by suffix, channels that the ensemble does not use, and subfolders
    with images; their paths end with a slash."""


def predict_new(
    inputs: Sequence[str], path: Path, out: Path, extras: Sequence[Extra], trust: bool
) -> Predicted:
    """Write `<out>/<name>.png` for every image at these files, folders and patterns. Images that an
    earlier call finished with the same ensemble, inputs and files are not predicted again.

    `path` is a run's folder, a bundle or a checkpoint. `trust` allows running its Python files.
    Before anything is written, raises ValueError that lists every input that is missing, unreadable
    or unlike the training images.
    """
    source = open_source(path, trust)
    bundle = source.bundle
    dialect = _dialect(source, path) if "csv" in extras else None
    found = find_images(inputs, source.kind)
    _refuse(found, out, extras)
    if found.skipped:
        say(found.skipped_text)
    images = found.images
    _predict(source, images, out, extras)
    if dialect is not None:
        masks = ((id, decode_mask(out / f"{id}.png")) for id in found.ids)
        write_table(out / CSV, build_table(masks, bundle.classes, dialect, bundle.target), dialect)
        say(f"written: {out / CSV}")
    files = tuple(out / f"{image.id}.png" for image in images)
    return Predicted(files, None if dialect is None else out / CSV, tuple(found.skipped))


def _predict(
    source: Source, images: Sequence[NewImage], out: Path, extras: Sequence[Extra]
) -> None:
    """Write the files of each image that is not finished. A killed process repeats at most the
    batch that it was predicting."""
    files = {image.id: _files(image.id, out, extras) for image in images}
    record = Finished(out, source, [each for each in extras if each in BESIDE], images)
    new = {id for id, written in files.items() if not record.has(id, written)}
    if not new:
        say(f"predict: all {counted(len(images), 'image')} were finished before")
        return
    networks = [load_share(each) for each in shares(source.parts)[0]]
    parts = [part for part in parts_of(networks, images) if any(image.id in new for image in part)]
    left = [image for part in parts for image in part]
    todo, done = len(left), len(images) - len(left)
    cost = cost_text(source.parts, todo, len(images))
    if todo >= MEASURED_FROM:
        seconds = foreseen_s(source.parts, networks, source.bundle, left)
        cost += f", about {duration_text(max(1, seconds))}"
    say(cost)
    with Counting("predict", None, len(images), "image", lambda: done):
        for part in parts:
            for image, strips in new_strips(networks, source.bundle, part):
                _write(image, strips, source.bundle, out, extras)
                done += 1
            record.add({image.id: files[image.id] for image in part})
    say(f"written: {counted(todo, 'mask')} in {out}")


def _dialect(source: Source, path: Path) -> SubmissionSpec:
    if source.bundle.submission is None:
        raise ValueError(f"{path}: no job is here, so the CSV's dialect is unknown; omit --csv")
    return source.bundle.submission


def _refuse(found: FoundImages, out: Path, extras: Sequence[Extra]) -> None:
    problems = [*found.problems, *found.unreadable.values()]
    problems += [
        f"{place}: no image is there; give files, stacks, folders or a quoted pattern such "
        "as 'FOLDER/*/*.png'"
        for place in found.empty
    ]
    place = next(each for each in (out, *out.absolute().parents) if each.exists())
    if not place.is_dir():
        problems.append(f"{place}: is not a folder; choose another --out")
    if not found.ids and not problems:
        problems.append("no image was given; give files, folders or patterns")
    inputs = {Path(file).resolve() for each in found.images for file in each.addresses}
    seen: dict[Path, str] = {}
    for id in found.ids:
        for file in _files(id, out, extras):
            if file.resolve() in inputs:
                problems.append(
                    f"{file}: is an input and would be overwritten; choose another --out"
                )
            first = seen.setdefault(file, id)
            if first != id:
                problems.append(
                    f"{file}: both {id!r} and {first!r} need this name; rename one image"
                )
    if problems:
        raise ValueError("nothing was predicted\n  " + "\n  ".join(shortened(problems)))


def _files(id: str, out: Path, extras: Sequence[Extra]) -> list[Path]:
    endings = (".png", *(BESIDE[extra] for extra in extras if extra in BESIDE))
    return [out / f"{id}{ending}" for ending in endings]


def _write(
    image: NewImage, strips: Strips, bundle: Bundle, out: Path, extras: Sequence[Extra]
) -> None:
    """Write the mask of one image, and its other requested files."""
    if "probabilities" in extras:
        maps = outputs(len(bundle.classes), bundle.target)
        path = out / f"{image.id}{BESIDE['probabilities']}"
        strips = written_strips(path, strips, (maps, *image.size_HW))
    mask_HW = mask_of_strips(strips, image.size_HW, bundle.target, bundle.steps)
    classes = len(bundle.classes)
    write_mask(out / f"{image.id}.png", mask_HW, np.dtype(stored_type(classes, bundle.target)))
    if "overlay" in extras:
        image_HWC = own_frame(read_new(image), image.id, bundle.neighbours)
        picture = overlaid(visible(image_HWC), mask_HW, classes, bundle.target)
        path = out / f"{image.id}{BESIDE['overlay']}"
        with atomic_path(path) as temporary:
            Image.fromarray(picture).save(temporary, format="PNG")
