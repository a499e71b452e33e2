"""Ning's network: what it sees, and that it learns one label per cell."""

from itertools import product

import numpy as np
import torch

from raytrain.config.models import NingSpec, UNetSpec
from raytrain.config.target import IGNORE
from raytrain.config.trial import TrialSpec
from raytrain.engine.training_loss import most_common, training_loss
from tests.model_cases import built, image


def test_ning_sees_40_pixels_and_labels_cells() -> None:
    network = built(NingSpec(), 1, 2)
    noise = image(1, 96, 96).requires_grad_()
    logits = network(noise)
    cells = logits.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    assert torch.equal(cells, cells[..., :1].expand_as(cells))
    logits[0, 0, 48, 48].backward()
    assert noise.grad is not None
    rows = noise.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert (int(rows[0]), int(rows[-1])) == (48 - 18, 48 + 21)


def test_ning_learns_the_most_common_label_of_a_cell() -> None:
    rng = np.random.default_rng(0)
    mask_BHW = torch.from_numpy(rng.integers(0, 3, (2, 10, 9)))
    mask_BHW[0, :2] = IGNORE
    found = most_common(mask_BHW, 4, 3, "single_label").numpy()
    for ours_HW, mask_HW in zip(found, mask_BHW.numpy(), strict=True):
        for top, left in product(range(0, 10, 4), range(0, 9, 4)):
            part = np.s_[top : top + 4, left : left + 4]
            labels = mask_HW[part][mask_HW[part] != IGNORE]
            best = np.bincount(labels, minlength=1).argmax()
            expected = np.where(mask_HW[part] == IGNORE, IGNORE, best)
            assert np.array_equal(ours_HW[part], expected)
    bits_BHW = torch.tensor([[[3, 3, 1, 2], [2, 2, 0, 0]]])
    assert most_common(bits_BHW, 2, 2, "multi_label").tolist() == [[[2, 2, 0, 0]] * 2]


def test_nings_loss_is_of_the_cells_label() -> None:
    """One pixel of another class in a cell does not change its loss; it does for other networks."""
    logits = torch.randn(1, 3, 8, 8)
    plain = torch.ones(1, 8, 8, dtype=torch.int64)
    spotted = plain.clone()
    spotted[0, 1, 1] = 2
    for model, same in ((NingSpec(), True), (UNetSpec(), False)):
        loss = training_loss(TrialSpec(model=model), "single_label", (1, 1, 1))
        assert torch.equal(loss(logits, plain), loss(logits, spotted)) == same
