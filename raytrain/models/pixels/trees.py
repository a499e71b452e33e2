"""Forests and boosted trees of pixels, stored as arrays of fixed size.

Shape suffixes: T trees, N nodes of a tree, K classes, P pixels, F features. A leaf points to
itself, so that every pixel takes the same number of steps, the largest depth of a tree.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from raytrain.config.models.pixels import PixelsBoostingSpec, PixelsForestSpec
from raytrain.models.pixels.classifier import FLOOR, PixelClassifier

AT_ONCE = 2**22
"""Largest number of pixels x trees x classes that are in memory at once."""


@dataclass(frozen=True)
class Tree:
    """The nodes of one fitted tree, as arrays."""

    feature_N: np.ndarray
    threshold_N: np.ndarray
    """float64: pixels with a value that is not above the threshold go left."""
    left_N: np.ndarray
    right_N: np.ndarray
    leaf_N: np.ndarray
    """Whether the node is a leaf, bool."""
    value_NK: np.ndarray


class Trees(nn.Module):
    """Fitted trees as tensors. The output sums, over trees, the values of the leaves."""

    feature_TN: torch.Tensor
    threshold_TN: torch.Tensor
    left_TN: torch.Tensor
    right_TN: torch.Tensor

    def __init__(self, trees: int, leaves: int, depth: int, classes: int):
        super().__init__()
        nodes = 2 * leaves - 1
        self.depth = depth
        self.register_buffer("feature_TN", torch.zeros(trees, nodes, dtype=torch.int32))
        self.register_buffer("threshold_TN", torch.zeros(trees, nodes))
        self.register_buffer("left_TN", torch.zeros(trees, nodes, dtype=torch.int32))
        self.register_buffer("right_TN", torch.zeros(trees, nodes, dtype=torch.int32))
        self.value_TNK = nn.Parameter(torch.zeros(trees, nodes, classes))

    def forward(self, feature_PF: torch.Tensor) -> torch.Tensor:
        """Return sum_PK: for each pixel, the sum of its leaves' values over all trees."""
        trees, _, classes = self.value_TNK.shape
        parts = feature_PF.split(max(1, AT_ONCE // (trees * classes)))
        return torch.cat([self._part(part_PF) for part_PF in parts])

    def _part(self, feature_PF: torch.Tensor) -> torch.Tensor:
        trees, nodes, _ = self.value_TNK.shape
        first_T = torch.arange(trees, device=feature_PF.device) * nodes
        feature, threshold = self.feature_TN.flatten().long(), self.threshold_TN.flatten()
        left = (self.left_TN.long() + first_T[:, None]).flatten()
        right = (self.right_TN.long() + first_T[:, None]).flatten()
        node_PT = first_T.expand(len(feature_PF), trees)
        for _ in range(self.depth):
            goes_left_PT = feature_PF.gather(1, feature[node_PT]) <= threshold[node_PT]
            node_PT = torch.where(goes_left_PT, left[node_PT], right[node_PT])
        return self.value_TNK.flatten(0, 1)[node_PT].sum(1)

    def take(self, trees: list[Tree]) -> None:
        """Copy these fitted trees' numbers. Unused places are leaves that add nothing."""
        for buffer in (self.feature_TN, self.threshold_TN, self.left_TN, self.right_TN):
            buffer.zero_()
        self.value_TNK.zero_()
        for number, tree in enumerate(trees):
            count = len(tree.feature_N)
            own_N, leaf_N = np.arange(count), tree.leaf_N
            columns: tuple[tuple[torch.Tensor, np.ndarray], ...] = (
                (self.feature_TN, np.where(leaf_N, 0, tree.feature_N)),
                (self.threshold_TN, np.where(leaf_N, 0.0, _not_above(tree.threshold_N))),
                (self.left_TN, np.where(leaf_N, own_N, tree.left_N)),
                (self.right_TN, np.where(leaf_N, own_N, tree.right_N)),
                (self.value_TNK, tree.value_NK),
            )
            for buffer, column in columns:
                buffer[number, :count] = torch.from_numpy(column).to(buffer)


def _not_above(threshold_N: np.ndarray) -> np.ndarray:
    """Return the largest float32 that is not above each threshold. float32 features are then on the
    same side of both."""
    near_N = threshold_N.astype(np.float32)
    return np.where(near_N > threshold_N, np.nextafter(near_N, np.float32(-np.inf)), near_N)


class PixelsForest(PixelClassifier):
    """Logarithm of the mean, over the trees, of the classes' shares in the leaf."""

    def __init__(self, spec: PixelsForestSpec, channels: int, classes: int):
        super().__init__(spec, channels, classes)
        self.of = spec
        self.trees = Trees(spec.trees, spec.leaves, spec.depth, classes)

    def scores(self, feature_PF: torch.Tensor) -> torch.Tensor:
        return (self.trees(feature_PF) / self.of.trees).clamp_min(FLOOR).log()

    def take(self, feature_PF: np.ndarray, class_P: np.ndarray, seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=self.of.trees,
            max_leaf_nodes=self.of.leaves,
            max_depth=self.of.depth,
            class_weight="balanced",
            n_jobs=torch.get_num_threads(),
            random_state=seed,
        ).fit(feature_PF, class_P)
        found = []
        for estimator in forest.estimators_:
            tree = estimator.tree_
            value_NK = np.zeros((tree.node_count, self.classes))
            share_NK = tree.value[:, 0]
            value_NK[:, forest.classes_] = share_NK / share_NK.sum(1, keepdims=True)
            leaf_N = tree.children_left < 0
            found.append(
                Tree(
                    tree.feature, tree.threshold, tree.children_left, tree.children_right,
                    leaf_N, value_NK,
                )
            )  # fmt: skip
        self.trees.take(found)


class PixelsBoosting(PixelClassifier):
    """Sum of the trees' values for each class."""

    def __init__(self, spec: PixelsBoostingSpec, channels: int, classes: int):
        super().__init__(spec, channels, classes)
        self.of = spec
        self.base_K = nn.Parameter(torch.zeros(classes))
        self.trees = Trees(spec.rounds * classes, spec.leaves, spec.depth, classes)

    def scores(self, feature_PF: torch.Tensor) -> torch.Tensor:
        return self.trees(feature_PF) + self.base_K

    def take(self, feature_PF: np.ndarray, class_P: np.ndarray, seed: int) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        with threadpool_limits(torch.get_num_threads()):
            model = HistGradientBoostingClassifier(
                learning_rate=self.of.rate,
                max_iter=self.of.rounds,
                max_bins=self.of.bins,
                max_leaf_nodes=self.of.leaves,
                max_depth=self.of.depth,
                class_weight="balanced",
                early_stopping=False,
                random_state=seed,
            ).fit(feature_PF, class_P)
        # With two classes there are trees for the second class only. The trees are not public; a
        # test compares the values read here with `decision_function`.
        owners = model.classes_ if len(model.classes_) > 2 else model.classes_[1:]
        base_K = np.full(self.classes, np.log(FLOOR))
        base_K[model.classes_] = 0.0
        base_K[owners] = np.ravel(model._baseline_prediction)
        self.base_K.copy_(torch.from_numpy(base_K))
        found = []
        for of_round in model._predictors:
            for owner, predictor in zip(owners, of_round, strict=True):
                nodes = predictor.nodes
                value_NK = np.zeros((len(nodes), self.classes))
                value_NK[:, owner] = nodes["value"]
                found.append(
                    Tree(
                        nodes["feature_idx"], nodes["num_threshold"], nodes["left"],
                        nodes["right"], nodes["is_leaf"].astype(bool), value_NK,
                    )
                )  # fmt: skip
        self.trees.take(found)
