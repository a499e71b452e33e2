"""Cardiac phantoms: synthetic short-axis slices with exact masks, for demos and tests without data.

Images are 96x96 uint8 gray. Masks hold 0 background, 1 right ventricle (RV), 2 myocardium (MYO), 3
left ventricle (LV). Images 2k-1 and 2k show patient k at end-diastole and end-systole. The RV lies
above or next to the MYO ring, which separates it from the LV. (seed, patient) determines every
pixel.
"""

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from pydantic import Field

from raytrain.config.base import Spec

SIZE_PX = 96
RV, MYO, LV = 1, 2, 3
RECORD = "phantom.json"
_FINE = 4  # canvas pixels per image pixel: blurring them gives partial-volume edges
_SIDE = SIZE_PX * _FINE
_LUNG, _MUSCLE, _BLOOD, _FAT = 20.0, 60.0, 170.0, 200.0


class PhantomSplit(Spec):
    """Number of patients in each split. Every patient gives two images."""

    train: int = Field(40, ge=1)
    val: int = Field(10, ge=1)
    test: int = Field(20, ge=1)


def write_phantom(folder: Path, truth: Path, patients: PhantomSplit, seed: int) -> None:
    """Write {split}/image/phN.png and, except for test, {split}/mask/phN_mask.png; test masks go to
    `truth`.

    Both folders appear complete or not at all. A folder that already holds this phantom does not
    change. Raises ValueError if a folder holds anything else, or if `truth` contains `folder`.
    """
    files, masks = _encode(patients, seed)
    held, held_masks = _contents(folder, RECORD), _contents(truth, "ph*_mask.png")
    problems = []
    if held is not None and held != {RECORD: files[RECORD]}:
        found = held.get(RECORD, b"no phantom").decode()
        problems.append(f"{folder} holds {found}, not {files[RECORD].decode()}")
    if truth in (folder, *folder.parents) or held_masks not in (None, masks):
        problems.append(f"{truth} holds something other than this phantom's test masks")
    if problems:
        raise ValueError("; ".join(problems) + "; delete the folder or name another one")
    for target, content, present in ((folder, files, held), (truth, masks, held_masks)):
        if present is None:
            _place(target, content)


def draw_patient(seed: int, patient: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return a patient's (image_HW, mask_HW), uint8, at end-diastole and end-systole."""
    rng = np.random.default_rng([seed, patient])
    phases, scene = _anatomy(rng), _surroundings(rng)
    # One warp for both phases: organs are not ellipses, but a patient keeps their shape.
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX].astype(np.float32) + 0.5
    x, y = (_FINE * (axis + 1.1 * _smooth(rng, 7, SIZE_PX)) for axis in (columns, rows))
    bias = rng.uniform(0.9, 1.15) * np.exp(0.12 * _smooth(rng, 3, SIZE_PX))
    blood, rim = rng.normal(_BLOOD, 14), rng.choice([_LUNG, _MUSCLE, _FAT])
    rv_blood, muscle = blood * rng.uniform(0.55, 0.72), rng.normal(_MUSCLE, 8)
    frames = []
    for phase in phases:
        labels, canvas = _paint(phase, scene, {0: rim, RV: rv_blood, MYO: muscle, LV: blood}, rng)
        canvas = cv2.GaussianBlur(canvas, (0, 0), _FINE * rng.uniform(0.55, 0.9))
        image = cv2.remap(canvas, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = cv2.remap(labels, x, y, cv2.INTER_NEAREST)
        frames.append((_acquire(image, bias, rng), mask))
    return frames


class _Ellipse(NamedTuple):
    """Center and semi-axes in px of the image; the first axis is at `angle` degrees."""

    x: float
    y: float
    a: float
    b: float
    angle: float

    def fill(self, canvas: np.ndarray, value: float, grow: float = 0.0) -> None:
        """Paint the ellipse, in place, enlarged by `grow` px of the image on all sides. The canvas
        has `_FINE` times as many pixels a side as the image."""
        size = (2 * _FINE * (self.a + grow), 2 * _FINE * (self.b + grow))
        cv2.ellipse(canvas, ((self.x * _FINE, self.y * _FINE), size, self.angle), value, -1)

    def within(self, rng: np.random.Generator, share: float) -> "_Ellipse":
        """Return a small ellipse between the center and the border of this one."""
        turn, reach = rng.uniform([0, 0.5], [2 * np.pi, 0.8]) * [1, min(self.a, self.b)]
        a, b = share * min(self.a, self.b) * rng.uniform(0.7, 1.4, 2)
        return _Ellipse(self.x + reach * np.cos(turn), self.y + reach * np.sin(turn), a, b, 0.0)


def _anatomy(rng: np.random.Generator) -> list[dict[int, _Ellipse]]:
    """Return the classes' ellipses at end-diastole and end-systole; apical slices may lack the
    RV."""
    apical = rng.random() < 0.06
    has_rv = rng.random() > (0.35 if apical else 0.02)
    radius = rng.uniform(6.0, 8.0) if apical else rng.uniform(12.0, 17.0)
    outer, small = radius + rng.uniform(4.5, 6.5), radius * rng.uniform(0.62, 0.8)
    # The wall keeps its volume while the slice shortens, so it thickens as the LV empties.
    tight = min(outer, float(np.sqrt(small**2 + 1.15 * (outer**2 - radius**2))))
    x, y, squash, angle, side = rng.uniform([43, 50, 0.84, 0, -135], [53, 58, 1.0, 180, -55])
    away, wide, deep = rng.uniform([0.90, 0.85, 0.70], [1.10, 1.15, 0.90]) * (1 - 0.2 * apical)
    away_x, away_y = away * np.cos(np.deg2rad(side)), away * np.sin(np.deg2rad(side))
    phases = []
    for inner, ring, rv_scale in ((radius, outer, outer), (small, tight, 0.9 * tight)):
        rv = _Ellipse(x + away_x * ring, y + away_y * ring, deep * rv_scale, wide * rv_scale, side)
        myo, lv = (_Ellipse(x, y, size, size * squash, angle) for size in (ring, inner))
        phases.append(({RV: rv} if has_rv else {}) | {MYO: myo, LV: lv})
        x, y = rng.normal([x, y], 0.6)
    return phases


def _surroundings(rng: np.random.Generator) -> np.ndarray:
    """Return a fine canvas (float32) of lung, muscle and fat with vessels and other decoys."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    tilt, steep = rng.uniform([0.4, 0.8], [1.0, 2.2])
    height = _smooth(rng, 6, _SIDE) + steep * (tilt * columns - rows)
    lung, fat = np.quantile(height, rng.uniform([0.30, 0.88], [0.55, 0.97]))
    scene = np.select([height < lung, height > fat], [_LUNG, _FAT], _MUSCLE).astype(np.float32)

    def anywhere(least: float, most: float) -> _Ellipse:
        return _Ellipse(*rng.uniform([0, 0, least, least, 0], [SIZE_PX, SIZE_PX, most, most, 180]))

    for _ in range(rng.integers(3, 7)):
        organ = rng.choice([_LUNG, _LUNG, _MUSCLE, _MUSCLE, _BLOOD]) * rng.uniform(0.8, 1.15)
        anywhere(3.0, 11.0).fill(scene, organ)
    for _ in range(rng.integers(1, 4)):
        vessel = anywhere(2.5, 6.5)
        vessel.fill(scene, _MUSCLE * rng.uniform(0.8, 1.1), rng.uniform(1.0, 2.5))
        vessel.fill(scene, _BLOOD * rng.uniform(0.85, 1.25))
    for _ in range(rng.integers(10, 30)):
        anywhere(0.4, 1.0).fill(scene, _BLOOD * rng.uniform(0.4, 1.1))
    return scene * (1 + 0.12 * _smooth(rng, 24, _SIDE))


def _paint(
    phase: dict[int, _Ellipse], scene: np.ndarray, tone: dict[int, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (labels uint8, brightness float32) on fine canvases; `tone` 0 is the heart's rim."""
    labels, canvas = np.zeros((_SIDE, _SIDE), np.uint8), scene.copy()
    for grow, value in ((rng.uniform(1.5, 2.4), tone[0]), (1.0, tone[MYO])):
        for ellipse in phase.values():
            ellipse.fill(canvas, value, grow)
    for label, ellipse in phase.items():
        ellipse.fill(labels, label)
        ellipse.fill(canvas, tone[label])
        # Papillary muscles and trabeculae: dark, but part of the cavity's label.
        for _ in range(0 if label == MYO else rng.integers(0, 5)):
            ellipse.within(rng, 0.08 if label == RV else 0.15).fill(canvas, tone[MYO])
    return labels, canvas


def _acquire(image: np.ndarray, bias: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image (HW uint8) that a scanner would give, with coil bias, contrast and noise."""
    image = np.clip(image * bias * rng.uniform(0.92, 1.08) / 255, 0, None)
    image = 255 * image ** rng.uniform(0.9, 1.12) + rng.normal(0, rng.uniform(3, 8), image.shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _smooth(rng: np.random.Generator, knots: int, side: int) -> np.ndarray:
    """Return a smooth random field (side, side), float32, with a deviation of about 1."""
    coarse = rng.normal(size=(knots, knots)).astype(np.float32)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def _encode(patients: PhantomSplit, seed: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return path -> content of the competition's files, and path -> content of the test masks."""
    counts = patients.model_dump()
    files = {RECORD: json.dumps({"seed": seed, "patients": counts}).encode()}
    splits = [split for split, count in counts.items() for _ in range(count)]
    for patient, split in enumerate(splits, start=1):
        for number, frame in enumerate(draw_patient(seed, patient), start=2 * patient - 1):
            image, mask = (cv2.imencode(".png", plane)[1].tobytes() for plane in frame)
            files[f"{split}/image/ph{number}.png"] = image
            files[f"{split}/mask/ph{number}_mask.png"] = mask
    apart = [name for name in files if name.startswith("test/mask/")]
    return files, {Path(name).name: files.pop(name) for name in apart}


def _contents(folder: Path, pattern: str) -> dict[str, bytes] | None:
    """Return name -> content of the matching files; None for a folder that is missing or empty."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    return {path.name: path.read_bytes() for path in folder.glob(pattern)}


def _place(folder: Path, files: dict[str, bytes]) -> None:
    """Create the folder with all its files by one rename."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        whole = Path(temporary) / folder.name
        for name, content in files.items():
            (whole / name).parent.mkdir(parents=True, exist_ok=True)
            (whole / name).write_bytes(content)
        whole.replace(folder)
