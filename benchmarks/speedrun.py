"""The cardiac speedrun: seconds from a cold process to one network with a mean Dice of .880.

    python -m benchmarks.speedrun data/cmr --weights data/weights/tf_efficientnet_lite0.pt

This file can be read alone: it imports nothing of raytrain. The 120 labeled images are divided by
patient into five folds. A run trains one network for each fold and predicts the fold's images. Its
Dice is the mean over the classes and the images, each predicted by a network that never saw its
patient. Its seconds are the imports, the decoding, and the mean training of one network.
docs/measurements.md has a row for each improvement.

The command prints the mean of the runs and the p-value of a t-test that this mean is at least .880.
Exit code 1 if p is .01 or more. `--runs 1 --folds 1` gives a first impression.

Shape suffixes: N images, B images of a batch, K classes, C channels, H x W pixels.
"""

# ruff: noqa: E402  the imports are a part of the time
import time

START = time.perf_counter()

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import segmentation_models_pytorch as smp
import torch
from scipy import stats
from torch import nn
from torch.nn import functional

GOAL, LEVEL = 0.880, 0.01
FOLDS, CLASSES = 5, 4


@dataclass(frozen=True)
class Recipe:
    """What is tuned. Each field is an option of the command line."""

    side: int = 128
    """Images are enlarged from 96 to this many pixels."""
    epochs: int = 25
    batch: int = 8
    lr: float = 3e-3
    decay: float = 0.01
    warm: float = 0.2
    """Share of the steps in which the rate rises."""
    ema: float = 0.97
    """Decay of the average of the weights, which predicts."""
    turn: float = 20.0
    """Most degrees of rotation."""
    stretch: float = 0.15
    """Most change of the size."""
    move: float = 0.08
    """Most shift, as a share of the side."""
    gray: float = 0.15
    """Most change of brightness and contrast, in standard deviations."""


@dataclass(frozen=True)
class Data:
    """All labeled images, decoded."""

    image_NHW: np.ndarray
    """float32 with mean 0 and standard deviation 1."""
    mask_NHW: np.ndarray
    patient_N: np.ndarray


def read(folder: Path) -> Data:
    """Decode the images of the train and val folders in the order of their numbers."""
    paths = [*folder.glob("train/image/*.png"), *folder.glob("val/image/*.png")]
    paths.sort(key=lambda path: int(path.stem.removeprefix("cmr")))
    masks = [path.parents[1] / "mask" / f"{path.stem}_mask.png" for path in paths]
    image_NHW = np.stack([_gray(path) for path in paths]).astype(np.float32)
    number_N = np.array([int(path.stem.removeprefix("cmr")) for path in paths])
    return Data(
        image_NHW=(image_NHW - image_NHW.mean()) / image_NHW.std(),
        mask_NHW=np.stack([_gray(path) for path in masks]),
        patient_N=(number_N + 1) // 2,
    )


def _gray(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None, path
    return found


def fold_of(patient_N: np.ndarray) -> np.ndarray:
    """Return each image's fold; a patient's images are in one fold."""
    patients = np.unique(patient_N)
    drawn = np.random.default_rng(0).permutation(len(patients)) % FOLDS
    return drawn[np.searchsorted(patients, patient_N)]


def network(weights: Path) -> nn.Module:
    """Return a U-Net for gray images, its encoder with pretrained weights for RGB images."""
    model = smp.Unet(
        "tu-tf_efficientnet_lite0", encoder_weights=None, in_channels=1, classes=CLASSES
    )
    state = torch.load(weights, weights_only=True)
    own = model.encoder.state_dict()
    state = {key: state[key.removeprefix("model.")] for key in own}
    stem = "model.conv_stem.weight"
    state[stem] = state[stem].sum(1, keepdim=True)  # one channel stands for three equal ones
    model.encoder.load_state_dict(state)
    return model.to(memory_format=torch.channels_last)


def moved(
    image_B1HW: torch.Tensor, mask_BHW: torch.Tensor, recipe: Recipe, draw: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate, scale and shift a batch, and change its gray values, each image in its own way."""
    count = len(image_B1HW)
    turn_B = np.radians(draw.uniform(-recipe.turn, recipe.turn, count))
    scale_B2 = 1 / (1 + draw.uniform(-recipe.stretch, recipe.stretch, (count, 2)))
    matrix_B23 = np.zeros((count, 2, 3), np.float32)
    matrix_B23[:, 0, 0] = np.cos(turn_B) * scale_B2[:, 0]
    matrix_B23[:, 0, 1] = -np.sin(turn_B) * scale_B2[:, 0]
    matrix_B23[:, 1, 0] = np.sin(turn_B) * scale_B2[:, 1]
    matrix_B23[:, 1, 1] = np.cos(turn_B) * scale_B2[:, 1]
    matrix_B23[:, :, 2] = draw.uniform(-2 * recipe.move, 2 * recipe.move, (count, 2))
    grid_BHW2 = functional.affine_grid(
        torch.from_numpy(matrix_B23), list(image_B1HW.shape), align_corners=False
    )
    image_B1HW = functional.grid_sample(
        image_B1HW, grid_BHW2, "bilinear", "reflection", align_corners=False
    )
    mask_B1HW = functional.grid_sample(
        mask_BHW[:, None].float(), grid_BHW2, "nearest", "reflection", align_corners=False
    )
    change_2B = torch.from_numpy(draw.uniform(-recipe.gray, recipe.gray, (2, count, 1, 1, 1)))
    image_B1HW = image_B1HW * (1 + change_2B[0].float()) + change_2B[1].float()
    return image_B1HW, mask_B1HW[:, 0].long()


def loss_of(logits_BKHW: torch.Tensor, mask_BHW: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus 1 - Dice, the Dice of each class in the whole batch."""
    truth_BKHW = functional.one_hot(mask_BHW, CLASSES).permute(0, 3, 1, 2)[:, 1:].float()
    prob_BKHW = logits_BKHW.softmax(1)[:, 1:]
    both_K = (prob_BKHW * truth_BKHW).sum((0, 2, 3))
    sum_K = prob_BKHW.sum((0, 2, 3)) + truth_BKHW.sum((0, 2, 3))
    dice_K = (2 * both_K + 1) / (sum_K + 1)
    return functional.cross_entropy(logits_BKHW, mask_BHW) + 1 - dice_K.mean()


def batches(count: int, recipe: Recipe, draw: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the images of each step: every image once an epoch, whole batches only."""
    whole = count // recipe.batch * recipe.batch
    for _ in range(recipe.epochs):
        yield from draw.permutation(count)[:whole].reshape(-1, recipe.batch)


def train(
    image_NHW: np.ndarray, mask_NHW: np.ndarray, recipe: Recipe, weights: Path, seed: int
) -> nn.Module:
    """Train one network and return the average of its weights."""
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    model = network(weights)
    average = torch.optim.swa_utils.AveragedModel(
        model,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema),
        use_buffers=True,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.decay)
    steps = list(batches(len(image_NHW), recipe, draw))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.lr, total_steps=len(steps), pct_start=recipe.warm
    )
    image_N1HW = enlarged(image_NHW, recipe.side)
    mask_N1HW = functional.interpolate(
        torch.from_numpy(mask_NHW)[:, None].float(), size=(recipe.side, recipe.side), mode="nearest"
    )
    model.train()
    for step in steps:
        image_B1HW, mask_BHW = moved(image_N1HW[step], mask_N1HW[step][:, 0], recipe, draw)
        logits_BKHW = model(image_B1HW.contiguous(memory_format=torch.channels_last))
        loss_of(logits_BKHW, mask_BHW).backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        average.update_parameters(model)
    return average.module.eval()


def enlarged(image_NHW: np.ndarray, side: int) -> torch.Tensor:
    """Return image_N1HW of this side."""
    return functional.interpolate(
        torch.from_numpy(image_NHW)[:, None], size=(side, side), mode="bilinear"
    )


@torch.inference_mode()
def dice_of(model: nn.Module, image_NHW: np.ndarray, mask_NHW: np.ndarray, side: int) -> np.ndarray:
    """Return dice_NK of the classes 1, 2, ...; 1 where a class is neither there nor predicted."""
    logits_NKHW = model(enlarged(image_NHW, side).contiguous(memory_format=torch.channels_last))
    size_HW = mask_NHW.shape[1:]
    found_NHW = functional.interpolate(logits_NKHW, size=size_HW, mode="bilinear").argmax(1).numpy()
    number_K = np.arange(1, CLASSES)
    found_KNHW, true_KNHW = (
        mask == number_K[:, None, None, None] for mask in (found_NHW, mask_NHW)
    )
    total_KN = found_KNHW.sum((2, 3)) + true_KNHW.sum((2, 3))
    both_KN = (found_KNHW & true_KNHW).sum((2, 3))
    return np.where(total_KN == 0, 1, 2 * both_KN / np.maximum(total_KN, 1)).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--folds", type=int, default=FOLDS)
    for field in fields(Recipe):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    recipe = Recipe(**{field.name: options[field.name] for field in fields(Recipe)})
    data = read(options["folder"])
    fold_N = fold_of(data.patient_N)
    begun = time.perf_counter() - START
    scores, seconds = [], []
    for run in range(options["runs"]):
        dices = []
        for fold in range(options["folds"]):
            start = time.perf_counter()
            places = (fold_N != fold, fold_N == fold)
            rest, held = ((data.image_NHW[at_N], data.mask_NHW[at_N]) for at_N in places)
            model = train(*rest, recipe, options["weights"], FOLDS * run + fold)
            seconds.append(time.perf_counter() - start)
            dices.append(dice_of(model, *held, recipe.side))
        dice_NK = np.concatenate(dices)
        scores.append(float(dice_NK.mean()))
        each = ", ".join(f"{dice:.4f}" for dice in dice_NK.mean(0))
        print(f"run {run}: Dice {scores[-1]:.4f} ({each})", flush=True)
    time_s = begun + np.mean(seconds)
    print(f"mean Dice {np.mean(scores):.4f}, {time_s:.1f} s a network ({begun:.1f} s to begin)")
    if len(scores) > 1:
        p = stats.ttest_1samp(scores, GOAL, alternative="greater").pvalue
        print(f"{len(scores)} runs, SD {np.std(scores, ddof=1):.4f}, p {p:.2g} for >= {GOAL}")
        sys.exit(int(p >= LEVEL))


if __name__ == "__main__":
    main()
