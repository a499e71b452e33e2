"""YAML texts: repeated keys and texts that grow without end are refused."""

import pytest

from raytrain.config.yaml_text import read_yaml

BOMB = "a: &x0 [1]\n" + "".join(f"b{n}: &x{n + 1} [{','.join([f'*x{n}'] * 9)}]\n" for n in range(9))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trial: {epochs: 2}\ntrial:\n  batch_size: 4\n", ["'trial' is in line 1 and again"]),
        (
            "trial:\n  epochs: 2\n  model: {width: 4, width: 8}\n  epochs: 3\n",
            ["'epochs' is in line 2 and again in line 4", "'width' is in line 3"],
        ),
        ("trial: {1: a, 0x1: b}\n", ["key 1 is in line 1 and again in line 1"]),
        ("trial: &a [*a]\n", ["expand to more than"]),
        (BOMB, ["expand to more than 100000 values"]),
        ("a: " + "[" * 5000, ["nested too deeply"]),
        ("a: 2020-13-45\n", ["not valid YAML"]),
    ],
)  # fmt: skip
def test_a_yaml_text_is_read_as_it_stands_or_refused(text: str, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^job\.yaml: ") as caught:
        read_yaml("job.yaml", text)
    lines = str(caught.value).split("\n")
    assert len(words) == 1 or len(lines) == len(words)
    assert all(any(word in line for line in lines) for word in words)


def test_a_key_beside_a_merged_one_is_no_repetition() -> None:
    text = "a: &a {lr: 1, width: 2}\nb: {<<: *a, lr: 3e-4}\nc: *a\n"
    assert read_yaml("job.yaml", text)["b"] == {"lr": 3e-4, "width": 2}
