"""Pairs of the best sum: the assignment problem, by SciPy, which is imported when it is needed."""

from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float64

from leadline.errors import MissingExtraError


def best_pairs(gain: Float64[np.ndarray, "n m"]) -> list[tuple[int, int]]:
    """Rows and columns, each at most once, whose gains have the largest sum; pairs without gain are left out.

    Args:
        gain: Of each pair; 0 or less for those that must not be.
    Raises:
        MissingExtraError: If SciPy is not installed.
    Source: Kuhn, The Hungarian method for the assignment problem, Naval Research Logistics 1955; solved by SciPy's
        linear_sum_assignment (Crouse, IEEE TAES 2016).

    >>> best_pairs(np.array([[0.9, 0.8], [0.8, 0.0]]))
    [(0, 1), (1, 0)]
    """
    if not gain.size:
        return []
    try:
        optimize: Any = import_module("scipy.optimize")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "scipy":
            raise
        raise MissingExtraError(
            'expected the package scipy to pair tracks, found none; install it with pip install "leadline[tracks]"'
        ) from error
    rows, columns = optimize.linear_sum_assignment(np.maximum(gain, 0.0), maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if gain[row, column] > 0.0]
