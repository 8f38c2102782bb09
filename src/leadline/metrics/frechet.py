"""Distance of two sets of features as two Gaussians."""

import numpy as np
from jaxtyping import Float

from leadline.errors import InputError


def frechet_distance(first: Float[np.ndarray, "n d"], second: Float[np.ndarray, "m d2"]) -> float:
    """Squared Frechet distance of the Gaussians with the means and covariances of two sets.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. With the features of Inception v3 it is the FID; with others it is
    comparable among sets of the same features only.

    Args:
        first: Features, at least two rows.
        second: Likewise.
    Raises:
        InputError: If there are fewer rows, other columns, or numbers that are not finite.
    Example:
        >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]]))
        9.0

    Source: Dowson and Landau 1982; Heusel et al. 2017 (FID).
    """
    if min(len(first), len(second)) < 2 or first.shape[1] != second.shape[1]:
        raise InputError(f"expected two sets of at least 2 features, got shapes {first.shape} and {second.shape}")
    sets = [np.asarray(one, np.float64) for one in (first, second)]
    if not all(np.isfinite(one).all() for one in sets):
        raise InputError("expected finite features, got NaN or inf; check the network")
    means = [one.mean(axis=0) for one in sets]
    covariances = [np.atleast_2d(np.cov(one, rowvar=False)) for one in sets]
    root = _root(covariances[0])
    # tr (C1 C2)^(1/2) is the sum of the square roots of the eigenvalues of C1^(1/2) C2 C1^(1/2).
    shared = np.linalg.eigvalsh(root @ covariances[1] @ root)
    cross = float(np.sqrt(np.maximum(shared, 0.0)).sum())
    apart = float(((means[0] - means[1]) ** 2).sum())
    return max(0.0, apart + float(np.trace(covariances[0]) + np.trace(covariances[1])) - 2.0 * cross)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
