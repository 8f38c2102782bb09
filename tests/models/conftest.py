"""Random pairs to look at, and truth to learn from."""

import pytest
import torch

from leadline.data.stereo.stream import StereoBatch
from leadline.training.stereo.recipe import StereoRecipe


@pytest.fixture(scope="session")
def recipe() -> StereoRecipe:
    return StereoRecipe(model="any", data="no data", validation="no validation")


@pytest.fixture(scope="session")
def batch() -> StereoBatch:
    """Noise of 64x64 with noise as truth: most within every network's range, some unknown, some beyond."""
    random = torch.Generator().manual_seed(0)
    size = (2, 64, 64)
    left, right = torch.randint(0, 256, (2, *size, 3), generator=random, dtype=torch.uint8)
    disparity = 220.0 * torch.rand(size, generator=random) ** 2
    valid, occluded = torch.rand((2, *size), generator=random) < torch.tensor([0.9, 0.2]).view(2, 1, 1, 1)
    return StereoBatch(left=left, right=right, disparity=disparity, valid=valid, occluded=occluded)
