"""Checks every shape and dtype annotation of leadline while its tests run; the real pictures they share."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Before the first import of leadline: what is imported earlier stays unchecked.
install_import_hook("leadline", "beartype.beartype")

# A slow shared core is no failure.
settings.register_profile("leadline", deadline=None)
settings.load_profile("leadline")


@pytest.fixture(scope="session")
def real_dir() -> Path:
    """The folder of real scenes with ground truth, which lies beside the checkout and is not part of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no real scenes: expected the folder ../shared/real beside the checkout")
    return folder


@pytest.fixture(scope="session")
def motorcycle() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middlebury Motorcycle: left and right picture (RGB, uint8), left disparity (px, float32, NaN unknown)."""
    from skimage.data import stereo_motorcycle

    left, right, disparity = stereo_motorcycle()
    return left, right, np.where(np.isfinite(disparity), disparity, np.nan).astype(np.float32)
