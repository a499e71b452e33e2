"""Every decoder with three encoders, and every encoder, agree with docs/pairs.md."""

import pytest

from tests.zoo.pairs import DECODERS, ENCODERS, PAGE, pair_problem

SAMPLED = ("resnet18", "mobilenet_v2", "mit_b0")


def _on_the_page(decoder: str, encoder: str) -> str | None:
    """The reason that the page gives, or None."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    reasons = dict(line[2:].split(": ", 1) for line in lines if line.startswith("* "))
    cells = {line.split(" | ")[0][2:]: line[2:-2].split(" | ") for line in lines if "|" in line}
    return reasons.get(cells[encoder][cells["encoder"].index(decoder)])


@pytest.mark.parametrize("encoder", SAMPLED)
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_with_three_encoders(decoder: str, encoder: str) -> None:
    assert pair_problem(decoder, encoder) == _on_the_page(decoder, encoder)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder(encoder: str) -> None:
    assert pair_problem("unet", encoder) == _on_the_page("unet", encoder)
