"""Folders as Kaggle's segmentation competitions unpack them."""

from pathlib import Path

import numpy as np

from tests.layouts.scene import (
    Masks,
    blobs,
    hex_name,
    labelled,
    picture,
    rgb,
    runs,
    write,
    write_rows,
)


def draw_nuclei(root: Path, rng: np.random.Generator) -> Masks:
    """Data Science Bowl 2018: RGBA images of several sizes, a PNG for each nucleus, and a table."""
    truth: Masks = {}
    rows, sample = [], []
    for number in range(10):
        name, size_HW = hex_name(rng, 16), ((32, 32), (32, 48))[number % 2]
        objects = blobs(rng, size_HW, 1 + number % 3)
        mask_HW = labelled([(1, each) for each in objects], size_HW)
        opaque_HW = np.full(size_HW, 255, np.uint8)
        image = np.dstack([rgb(picture(rng, mask_HW)), opaque_HW])
        folder = root / ("stage1_train" if number < 7 else "stage1_test") / name
        write(folder / "images" / f"{name}.png", image)
        if number >= 7:
            sample.append(f"{name},1 1")
            continue
        truth[name] = mask_HW
        rows += [f"{name},{runs(each)}" for each in objects]
        for each in objects:
            write(folder / "masks" / f"{hex_name(rng, 16)}.png", each.astype(np.uint8) * 255)
    write_rows(root / "stage1_train_labels.csv", "ImageId,EncodedPixels", rows)
    write_rows(root / "stage1_sample_submission.csv", "ImageId,EncodedPixels", sample)
    return truth


def draw_salt(root: Path, rng: np.random.Generator) -> Masks:
    """TGS Salt: square images, 16-bit masks of 0 and 65535 (one is empty), depths, RLE tables."""
    truth: Masks = {}
    rows, depths, sample = [], [], []
    for number in range(11):
        name, size_HW = hex_name(rng, 10), (33, 33)
        objects = blobs(rng, size_HW, 0 if number == 2 else 2)
        mask_HW = labelled([(1, each) for each in objects], size_HW)
        depths.append(f"{name},{rng.integers(50, 960)}")
        split = "train" if number < 8 else "test"
        write(root / split / "images" / f"{name}.png", rgb(picture(rng, mask_HW)))
        if split == "test":
            sample.append(f"{name},1 1")
            continue
        truth[name] = mask_HW
        rows.append(f"{name},{runs(mask_HW)}")
        write(root / "train" / "masks" / f"{name}.png", mask_HW.astype(np.uint16) * 65535)
    write_rows(root / "train.csv", "id,rle_mask", rows)
    write_rows(root / "depths.csv", "id,z", depths)
    write_rows(root / "sample_submission.csv", "id,rle_mask", sample)
    return truth


def draw_steel(root: Path, rng: np.random.Generator) -> Masks:
    """Severstal: wide JPEG images, four classes in a table, no row for an image without defect."""
    truth: Masks = {}
    rows, sample = [], []
    for number in range(12):
        name, size_HW = hex_name(rng), (32, 96)
        classes = [] if number == 3 else [1 + number % 4, 1 + (number + 1) % 4]
        objects = [*zip(classes, blobs(rng, size_HW, len(classes)), strict=True)]
        mask_HW = labelled(objects, size_HW)
        folder = "train_images" if number < 9 else "test_images"
        write(root / folder / f"{name}.jpg", rgb(picture(rng, mask_HW)))
        if number >= 9:
            sample += [f"{name}.jpg_{k},1 1" for k in (1, 2, 3, 4)]
            continue
        truth[name] = mask_HW
        rows += [f"{name}.jpg,{k},{runs(each)}" for k, each in objects]
    write_rows(root / "train.csv", "ImageId,ClassId,EncodedPixels", rows)
    write_rows(root / "sample_submission.csv", "ImageId_ClassId,EncodedPixels", sample)
    return truth


def draw_cars(root: Path, rng: np.random.Generator) -> Masks:
    """Carvana: three views of a car, GIF masks, a table with runs along the rows."""
    truth: Masks = {}
    rows, sample, makes = [], [], []
    for number in range(4):
        car, size_HW = hex_name(rng, 12), (32, 48)
        makes.append(f"{car},2012.0,Make,Model")
        for view in (1, 2, 3):
            name = f"{car}_{view:02d}"
            mask_HW = labelled([(1, blobs(rng, size_HW, 1)[0])], size_HW)
            split = "train" if number < 3 else "test"
            write(root / split / f"{name}.jpg", rgb(picture(rng, mask_HW)))
            if split == "test":
                sample.append(f"{name}.jpg,1 1")
                continue
            truth[name] = mask_HW
            rows.append(f"{name}.jpg,{runs(mask_HW, 'C')}")
            write(root / "train_masks" / f"{name}_mask.gif", mask_HW)
    write_rows(root / "train_masks.csv", "img,rle_mask", rows)
    write_rows(root / "metadata.csv", "id,year,make,model", makes)
    write_rows(root / "sample_submission.csv", "img,rle_mask", sample)
    return truth


ORGANS = ("large_bowel", "small_bowel", "stomach")


def draw_scans(root: Path, rng: np.random.Generator) -> Masks:
    """UW-Madison: 16-bit slices of patients and days, the size in their names, organs that overlap.

    The masks have one bit per organ.
    """
    truth: Masks = {}
    rows, sample = [], []
    for case, day in ((2, 1), (2, 5), (7, 0), (15, 3), (101, 20)):
        size_HW = (32, 32) if case < 10 else (40, 36)
        for slice in (1, 2):
            visit, name = f"case{case}_day{day}", f"case{case}_day{day}_slice_{slice:04d}"
            organs = blobs(rng, size_HW, 2)
            organs.append(organs[1] & (rng.random(size_HW) < 0.7))
            mask_HW = sum((each.astype(np.uint8) << k for k, each in enumerate(organs)))
            split = "train" if case < 101 else "test"
            size = f"{size_HW[1]}_{size_HW[0]}_1.50_1.50"
            path = root / split / f"case{case}" / visit / "scans" / f"slice_{slice:04d}_{size}.png"
            write(
                path, picture(rng, labelled(enumerate(organs, 1), size_HW)).astype(np.uint16) * 60
            )
            if split == "test":
                sample += [f"{name},{organ}," for organ in ORGANS]
                continue
            if slice == 2 and day == 5:
                organs, mask_HW = [each & False for each in organs], mask_HW * 0
            truth[name] = mask_HW
            rows += [f"{name},{o},{runs(m, 'C')}" for o, m in zip(ORGANS, organs, strict=True)]
    write_rows(root / "train.csv", "id,class,segmentation", rows)
    write_rows(root / "sample_submission.csv", "id,class,predicted", sample)
    return truth
