"""Groups of images (patients, sequences): their members, and the score of each group alone.

Shape suffixes: N images, G groups in the order of their names.
"""

import numpy as np

from raytrain.config.metrics import MetricSpec
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence


def members(groups_N: np.ndarray) -> list[np.ndarray]:
    """Return the rows of each group's images, groups by name and rows ascending."""
    order_N = np.argsort(groups_N, kind="stable")
    _, first_G = np.unique(groups_N[order_N], return_index=True)
    return np.split(order_N, first_G[1:])


def group_scores(metric: MetricSpec, evidence: Evidence, groups_N: np.ndarray) -> np.ndarray:
    """Return score_G: the value of the metric on the images of each group alone."""
    return np.array([score(metric, evidence.of(rows)) for rows in members(groups_N)])
