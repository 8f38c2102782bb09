"""Mined 3D films: what `leadline mine` wrote."""

from pathlib import Path
from typing import Literal

from leadline.data.mono.shards import DepthShards
from leadline.errors import InputError


def open_mined(root: Path, split: Literal["train", "validation", "test"] = "train") -> DepthShards:
    """Frames of 3D films with the disparity of a matcher.

    Annotation: affine_inverse, semi-dense: an estimate by the matcher, no measurement. Baseline, focal length and
    convergence of a film are not known. No film is in two splits.

    Licence: that of the films.
    Source: `leadline mine`; the idea is that of Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2022.

    Args:
        root: The output folder of `leadline mine`.
        split: train, validation or test.
    Raises:
        InputError: If there is no such folder, or it holds something else.
    """
    shards = DepthShards(root / split)
    if shards.annotation != "affine_inverse":
        raise InputError(
            f"expected frames of mined films in {root / split}, got shards with {shards.annotation} depth; take shards "
            "as the data set"
        )
    return shards
