"""`raytrain dialect` on files that decide little, are unusual, or contradict each other."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from raytrain.cli.app import app
from raytrain.config.competition import SubmissionSpec
from raytrain.rle import encode
from raytrain.submission.inference.block import yaml_block
from raytrain.submission.inference.ids import ids_alone, ids_by_names
from raytrain.submission.inference.infer import Inference, infer


def table(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def pictures(folder: Path, names: list[str], size_HW: tuple[int, int] = (20, 30)) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(np.zeros(size_HW, np.uint8)).save(folder / f"{name}.png")
    return folder


def block(found: Inference) -> dict:
    return yaml.safe_load(yaml_block(found))["competition"]


def square(size_HW: tuple[int, int], at: int) -> np.ndarray:
    mask_HW = np.zeros(size_HW, bool)
    mask_HW[at : at + 6, at + 2 : at + 11] = True
    return mask_HW


def trained(
    folder: Path, size_HW: tuple[int, int], spec: SubmissionSpec
) -> tuple[Path, Path, Path]:  # fmt: skip
    names = [f"a{n}" for n in range(1, 8)]
    cells = [encode(square(size_HW, n), spec) for n in range(1, 8)]
    rows = [f"{name},{cell}" for name, cell in zip(names, cells, strict=True)]
    sample = table(folder / "s.csv", "id,rle", *(f"{name},1 1" for name in names))
    return sample, table(folder / "t.csv", "id,rle", *rows), pictures(
        folder / "i", names, size_HW
    )  # fmt: skip


def test_square_images_tell_no_order(tmp_path: Path) -> None:
    found = infer(*trained(tmp_path, (25, 25), SubmissionSpec(order="row")))
    assert found["order"].sure == "cannot tell"
    assert "square" in found["order"].why
    assert found["starts"].value == "absolute"
    assert "# order: column, as in" in yaml_block(found)


def test_other_images_tell_the_order(tmp_path: Path) -> None:
    found = infer(*trained(tmp_path, (25, 32), SubmissionSpec(order="row")))
    assert (found["order"].value, found["order"].sure) == ("row", "decided")
    assert found["first"].sure == "cannot tell"
    assert found["row"].sure == "cannot tell"
    assert SubmissionSpec(**block(found)["submission"]).order == "row"
    assert "# empty: 1 0, as in sennet; the files do not tell" in yaml_block(found)


def test_an_empty_training_table_tells_only_its_word(tmp_path: Path) -> None:
    names = ["a1", "a2"]
    sample = table(tmp_path / "s.csv", "id,rle", "a1,1 1", "a2,1 1")
    train = table(tmp_path / "t.csv", "id,rle", "a1,-1", "a2,-1")
    found = infer(sample, train, pictures(tmp_path / "i", names))
    assert (found["empty"].value, found["empty"].sure) == ("-1", "likely")
    assert found["layout"].value == "pairs"  # the sample's cells hold a pixel each
    assert found["order"].sure == "cannot tell"
    blank = table(tmp_path / "s.csv", "id,rle", "a1,", "a2,")
    found = infer(blank, train, None)
    assert found["layout"].sure == "cannot tell"
    assert block(found)["format"]["empty"] == "-1"


def test_a_class_may_stand_in_an_own_column_of_the_training_table(tmp_path: Path) -> None:
    names = [f"a{n}" for n in range(1, 8)]
    sample_rows = [f"{name}.jpg_{k},1 1" for name in names for k in (1, 2, 3)]
    sample = table(tmp_path / "s.csv", "ImageId_ClassId,EncodedPixels", *sample_rows)
    cell = encode(square((25, 40), 3), SubmissionSpec())
    rows = [f"{name}.jpg,{1 + n % 3},{cell}" for n, name in enumerate(names)]
    train = table(tmp_path / "t.csv", "ImageId,ClassId,EncodedPixels", *rows)
    found = infer(sample, train, pictures(tmp_path / "i", names, (25, 40)))
    submission, form = block(found)["submission"], block(found)["format"]
    assert submission["dialect"] == form["dialect"] == "severstal"
    assert (form["id"], form["class_column"]) == ("{name}.jpg", "ClassId")
    assert form["columns"] == ["ImageId", "ClassId", "EncodedPixels"]
    assert found["order"].value == "column"


def test_sizes_may_stand_in_the_training_table(tmp_path: Path) -> None:
    cells = [encode(square((25, 40), n), SubmissionSpec(order="row")) for n in range(8)]
    rows = [f"c{n},{cell},40,25,neuron" for n, cell in enumerate(cells)]
    train = table(tmp_path / "t.csv", "id,annotation,width,height,kind", *rows)
    sample = table(tmp_path / "s.csv", "id,predicted", "d1,", "d2,")
    found = infer(sample, train, None)
    assert found["order"].value == "row"
    assert block(found)["format"]["columns"] == ["id", "annotation"]


WORDS = ("large_bowel", "large_vessel", "stomach")


@pytest.mark.parametrize("names", [["s", "t", "s_large"], ["p_1", "p_2", "p_10"]])
def test_class_names_with_an_underscore(names: list[str]) -> None:
    ids = [f"{name}_{word}" for name in names for word in WORDS]
    found = ids_by_names(ids, set(names))
    assert found is not None
    assert (found.template, found.words) == ("{name}_{class}", WORDS)
    assert [found.split(id, set(names)) for id in ids] == [
        (name, word) for name in names for word in WORDS
    ]
    if "t" not in names:  # without the images nobody knows that s_large is none's class
        assert ids_alone(ids) == replace(found, sure="likely", why=ids_alone(ids).why)


def test_the_block_says_where_ids_would_be_read_another_way(tmp_path: Path) -> None:
    rows = [f"{name}_{word},1 1" for name in ("a", "b") for word in WORDS]
    sample = table(tmp_path / "s.csv", "id,rle", *rows)
    found = infer(sample, table(tmp_path / "t.csv", "id,rle", *rows), None)
    assert "# id: raytrain would read 'a_large_bowel' as" in yaml_block(found)
    assert block(found)["classes"] == ["background", *WORDS]


@pytest.mark.parametrize(
    ("ids", "template"),
    [
        (["a_mask1", "a_mask2", "b_mask1", "b_mask2"], "{name}_mask{class}"),
        (["a.jpg", "b.jpg"], "{name}.jpg"),
        (["a-1.png", "a-2.png", "b-1.png", "b-2.png"], "{name}-{class}.png"),
        (["p1_001", "p1_002", "p2_001", "p2_002"], "{name}"),
        (["0004fbc85", "0005aab12"], "{name}"),
        (["scan_1", "scan_2", "scan_3"], "{name}"),
    ],
)
def test_ids_without_images(ids: list[str], template: str) -> None:
    assert ids_alone(ids).template == template


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["a1", "a2", "a10"], "natural (2 before 10)"),
        (["a1", "a10", "a2"], "alphabetical (10 before 2)"),
        (["a01", "a02", "a10"], "natural (2 before 10) and alphabetical (10 before 2)"),
        (["a2", "a10", "a1"], "as in the sample"),
    ],
)
def test_the_order_of_rows(names: list[str], order: str, tmp_path: Path) -> None:
    sample = table(tmp_path / "s.csv", "id,rle", *(f"{name}," for name in names))
    assert infer(sample, None, None)["row order"].value == order


S, T = "id,rle", "id,class,rle"
MASK = "1 2 7 1"


@pytest.mark.parametrize(
    ("sample", "train", "message"),
    [
        ([], None, "s.csv: the file is empty"),
        (["id"], None, "s.csv: header 'id': it needs at least an id and an enc"),
        ([S], None, "s.csv: there is no row below the header"),
        ([S, "a,1 1,3"], None, "s.csv: row 2 has 3 cells, the header has 2"),
        ([",id,rle", "0,a,"], None, "s.csv: column 1 has no name"),
        (["id,id,rle", "a,a,"], None, "s.csv: column 'id' occurs twice"),
        (["id,x,y,rle", "a,1,2,"], None, "not 'x' and 'y'; give the sample submission"),
        (["id,rle,class", "a,,Fish"], None, "s.csv: row 2: 'Fish' in column 'class' is not a"),
        ([S, "a,-", "b,-1"], None, "an empty mask has two texts: '-' in row 2, '-1' in row 3"),
        ([S, "a,1 1"], [S, "a,1 1", "a,1 2 3"], "t.csv: row 3: '1 2 3' cannot be read"),
        ([S, "a,1 1"], ["id,x", "a,dog"], "t.csv: no column of 'id,x' has run-length"),
        ([T, "a,F,", "a,G,"], [T, f"a,F,{MASK}", f"a,H,{MASK}"], "t.csv: row 3: class 'H' is not"),
        ([T, "a,F,", "a,G,"], [S, f"a,{MASK}"], "t.csv: has no class, neither in ids such as"),
        (
            [S, "a,"],
            [S, f"a,{MASK}", f"b,{MASK}", "c,9 2 3 1"],
            "t.csv: row 4: run 3 1 starts before the run before it, 9 2; in 2 other rows the",
        ),
        ([S, "a,"], ["id,rle,height,width", "a,1 1,3,4", "b,1 1,x,4"], "t.csv: row 3: height 'x'"),
        ([S, "a,"], ["id,rle,height,width", "a,40 1,3,4"], "t.csv: row 2: run 40 1 leaves the im"),
    ],
)
def test_mistakes_name_file_and_row(
    sample: list[str], train: list[str] | None, message: str, tmp_path: Path
) -> None:
    paths = [tmp_path / "s.csv", tmp_path / "t.csv"]
    for path, lines in zip(paths, (sample, train), strict=True):
        path.write_text("\n".join(lines or []))
    with pytest.raises(ValueError, match=re.escape(message)):
        infer(paths[0], paths[1] if train else None, None)


def test_files_that_are_missing_or_do_not_belong_together(tmp_path: Path) -> None:
    sample = table(tmp_path / "s.csv", "id,rle", "a,", "b,")
    with pytest.raises(ValueError, match=r"t\.csv: no such file"):
        infer(sample, tmp_path / "t.csv", None)
    with pytest.raises(ValueError, match=r"no such folder; correct --images"):
        infer(sample, None, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="contains no image file"):
        infer(sample, None, tmp_path / "empty")
    with pytest.raises(ValueError, match=r"row 2 of .*s\.csv has the id 'a', and an image is 'z'"):
        infer(sample, None, pictures(tmp_path / "i", ["z"]))
    sized = table(tmp_path / "t.csv", "id,rle,height,width", "z,1 1,30,20")
    with pytest.raises(ValueError, match=r"t\.csv: row 2: height 30, width 20, but the image 'z'"):
        infer(sample, sized, tmp_path / "i")


def test_ids_that_do_not_fit_the_others(tmp_path: Path) -> None:
    images = pictures(tmp_path / "i", ["a", "b", "c"])
    rows = ["a_1,", "a_2,", "b_1,", "b_2,", "c,"]
    sample = table(tmp_path / "s.csv", "id,rle", *rows)
    with pytest.raises(ValueError, match=r"s\.csv: row 6: id 'c' does not match"):
        infer(sample, None, images)


def test_masks_that_overlap_are_allowed_to(tmp_path: Path) -> None:
    cell = encode(square((20, 30), 3), SubmissionSpec())
    sample = table(tmp_path / "s.csv", "id,rle", "a,", "b,")
    train = table(tmp_path / "t.csv", "id,rle", f"a,{cell}", f"a,{cell}", "b,-1")
    found = infer(sample, train, pictures(tmp_path / "i", ["a", "b"]))
    assert (found["overlaps"].value, found["overlaps"].sure) == ("allowed", "likely")
    assert found["row"].value == "object"
    assert block(found)["format"]["empty"] == "-1"


def test_the_command(tmp_path: Path) -> None:
    sample, train, images = trained(tmp_path, (25, 32), SubmissionSpec(order="row"))
    words = ["dialect", "--sample", str(sample), "--train", str(train), "--images", str(images)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "order: 'row', decided: " in done.output
    assert yaml.safe_load(done.output[done.output.index("competition:") :])
    result = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["result"]
    assert done.output.endswith(f"\n{result['yaml']}\n")
    assert "row" in [each["value"] for each in result["findings"]]
    failed = CliRunner().invoke(app, ["dialect", "--sample", str(tmp_path / "none.csv")])
    assert failed.exit_code == 1
    assert "none.csv: no such file" in failed.output
