"""Images that belong to no data set are found, named and checked."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from raytrain.data.new_cache import cache_of, new_cache
from raytrain.data.new_images import Kind, find_images, read_new

GRAY = Kind(1, "uint8")


def save(path: Path, *shape: int, dtype: type = np.uint8) -> np.ndarray:
    """Write noise of this shape, as an image or a NumPy file."""
    array = np.random.default_rng(len(path.name)).integers(0, 256, shape).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)
    return array


def test_files_folders_and_patterns_in_natural_order(tmp_path: Path) -> None:
    for name in ("c10", "c9", "c1"):
        save(tmp_path / "a" / f"{name}.png", 4, 5)
    save(tmp_path / "b" / "d2.TIF", 6, 7)
    save(tmp_path / "b" / "d11.tif", 6, 7)
    (tmp_path / "a" / ".hidden.png").write_bytes(b"")
    (tmp_path / "a" / "notes.csv").write_text("x")
    (tmp_path / "a" / "inner").mkdir()
    last, folder = str(tmp_path / "b" / "d2.TIF"), str(tmp_path / "a")
    found = find_images([last, folder, str(tmp_path / "b" / "*.[tT]*"), folder], GRAY)
    assert found.ids == ["d2", "c1", "c9", "c10", "d11"]
    assert [each.id for each in found.images] == found.ids
    assert [each.size_HW for each in found.images] == [(6, 7), *[(4, 5)] * 3, (6, 7)]
    assert (found.problems, found.unreadable) == ([], {})
    assert found.skipped == [str(tmp_path / "a" / "notes.csv")]


@pytest.mark.parametrize(
    ("shape", "channels", "sizes"),
    [
        ((8, 9), 1, [(8, 9)]),
        ((8, 9, 1), 1, [(8, 9)]),
        ((3, 8, 9), 1, [(8, 9)] * 3),
        ((2, 8, 9, 1), 1, [(8, 9)] * 2),
        ((8, 9, 3), 3, [(8, 9)]),
        ((2, 8, 9, 3), 3, [(8, 9)] * 2),
    ],
)
def test_numpy_files_are_images_or_stacks(
    tmp_path: Path, shape: tuple[int, ...], channels: int, sizes: list[tuple[int, int]]
) -> None:
    array = save(tmp_path / "s.npy", *shape)
    found = find_images([str(tmp_path / "s.npy")], Kind(channels, "uint8"))
    assert not found.problems
    assert not found.unreadable
    assert [each.size_HW for each in found.images] == sizes
    names = ["s"] if len(sizes) == 1 else [f"s_{row}" for row in range(len(sizes))]
    assert found.ids == names
    expected = array.reshape(len(sizes), *sizes[0], channels)
    for image, plane in zip(found.images, expected, strict=True):
        assert np.array_equal(read_new(image), plane)


@pytest.mark.parametrize(
    ("pattern", "pages", "ids"),
    [
        ("{split}-volume.tif", 3, ["test_0", "test_1", "test_2"]),
        ("{split}-volume.tif", 1, ["test_0"]),
        ("{split}/{name}.tif", 3, ["test-volume_0", "test-volume_1", "test-volume_2"]),
        ("{split}/{name}.tif", 1, ["test-volume"]),
    ],
)
def test_each_page_of_a_tiff_stack_is_an_image(
    tmp_path: Path, pattern: str, pages: int, ids: list[str]
) -> None:
    pages_NHW = np.random.default_rng(0).integers(0, 256, (pages, 8, 9)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "test-volume.tif", pages_NHW, photometric="minisblack")
    found = find_images([str(tmp_path / "test-volume.tif")], Kind(1, "uint8", pattern))
    assert not found.unreadable
    assert found.ids == [each.id for each in found.images] == ids
    for image, page_HW in zip(found.images, pages_NHW, strict=True):
        assert np.array_equal(read_new(image)[..., 0], page_HW)


def test_names_are_those_of_the_competition(tmp_path: Path) -> None:
    save(tmp_path / "x" / "case_7_img.png", 4, 4)
    save(tmp_path / "y" / "image.png", 4, 4)
    save(tmp_path / "hiddenimages.npy", 2, 4, 4)
    for pattern, path, ids in (
        ("{split}/case_{name}_img.png", "x/case_7_img.png", ["7"]),
        ("{split}/{name}/image.png", "y/image.png", ["y"]),
        ("{split}/other_{name}.png", "x/case_7_img.png", ["case_7_img"]),
        ("{split}images.npy", "hiddenimages.npy", ["hidden_0", "hidden_1"]),
        ("all.npy", "hiddenimages.npy", ["hiddenimages_0", "hiddenimages_1"]),
    ):
        assert find_images([str(tmp_path / path)], Kind(1, "uint8", pattern)).ids == ids
    save(tmp_path / "c1" / "day2" / "slice_07_4_4.png", 4, 4)
    for pattern, naming, id in (
        ("test/{case}/{day}/slice_{n}_*.png", "{case}_{day}_{n}", "c1_day2_07"),
        ("test/{case}/{day}/slice_{n}_*.png", "{n}", "07"),
        ("test/{case}/{day}/other_{n}_*.png", "{case}_{n}", "slice_07_4_4"),
    ):
        kind = Kind(1, "uint8", pattern, naming=naming)
        assert find_images([str(tmp_path / "c1/day2")], kind).ids == [id]


def test_everything_wrong_is_found_at_once(tmp_path: Path) -> None:
    save(tmp_path / "good.png", 4, 4)
    save(tmp_path / "color.png", 4, 5, 3)
    save(tmp_path / "deep.png", 4, 4, dtype=np.uint16)
    save(tmp_path / "deep.npy", 4, 4)
    save(tmp_path / "other" / "good.png", 4, 4)
    for name in ("outer/inner/deep.png", "outer/.cache/a.png"):
        save(tmp_path / name, 4, 4)
    save(tmp_path / "rows.npy", 0, 9, 9)
    save(tmp_path / "flat.npy", 3, 0, 9)
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    (tmp_path / "torn.npy").write_bytes(b"\x93NUMPY")
    words = ["good.png", "color.png", "deep.png", "deep.npy", "torn.png", "torn.npy",
             "other", "empty", "outer", "rows.npy", "flat.npy", "none.png", "*.jpg"]  # fmt: skip
    found = find_images([str(tmp_path / word) for word in words], GRAY)
    assert [each.id for each in found.images] == ["good"]
    assert (
        "color.png: 5x4, 3 channels, uint8, but the network was trained on 1 channel, uint8"
        in (found.unreadable["color"])
    )
    assert "deep.png: 4x4, 1 channel, uint16, but" in found.unreadable["deep"]
    assert "flat.npy: 3 x 0 x 9 holds no pixel; give images" in found.unreadable["flat"]
    assert {"color", "deep", "torn", "flat"} == {*found.unreadable}
    told = "\n".join(found.problems)
    for text in (
        "deep.npy: its name 'deep' is also that of", "torn.npy: its name 'torn' is also that of",
        "other/good.png: its name 'good' is also that of", "none.png: no such file",
    ):  # fmt: skip
        assert text in told
    assert len(found.problems) == 4
    assert found.empty == [str(tmp_path / name) for name in ("empty", "outer", "*.jpg", "rows.npy")]
    assert found.skipped == [f"{tmp_path / 'outer' / 'inner'}/"]
    assert "or subfolders: to predict their images, give a pattern such as" in found.skipped_text


def test_missing_frames_are_explained(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 4, 4)
    kind = Kind(3, "uint8", None, ("N-1", "N", "N+1"))
    (told,) = find_images([str(tmp_path / "a.png")], kind).unreadable.values()
    assert "its channels are the frames N-1, N, N+1" in told


def test_the_cache_decodes_when_asked_and_holds_the_last_images(tmp_path: Path) -> None:
    arrays = [save(tmp_path / f"{'x' * n}.png", 3 + n, 5) for n in range(1, 4)]
    images = find_images([str(tmp_path)], GRAY).images
    cache = cache_of(images, 2, 1, "single_label")
    for row, array in enumerate(arrays):
        assert np.array_equal(cache.image(row)[..., 0], array)
        assert np.array_equal(cache.mask(row), np.zeros(array.shape))
    assert cache.largest == (6, 5)
    assert cache.image(2) is cache.image(2)
    for path in tmp_path.iterdir():
        path.unlink()
    assert cache.image(1) is not None
    with pytest.raises(ValueError, match=r"x\.png: unreadable"):
        cache.image(0)
    assert new_cache(arrays.__getitem__, [], 1, "single_label").rows(()).tolist() == []
