"""Pairs of frames with a known motion."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from leadline.maps import FlowMap
from leadline.samples import FlowSample


@pytest.fixture(scope="session")
def shifted() -> Callable[[int], FlowSample]:
    """A texture, drawn by a seed, that moves by 5 px to the right and 3 px up."""

    def pair(seed: int) -> FlowSample:
        rng = np.random.default_rng(seed)
        texture = cv2.GaussianBlur(rng.random((102, 133, 3), dtype=np.float32), (0, 0), 2.5)
        texture = (255 * (texture - texture.min()) / np.ptp(texture)).astype(np.uint8)
        first, second = texture[3:99, 5:133].copy(), texture[6:102, :128].copy()
        flow = np.broadcast_to(np.array((5, -3), np.float32), (96, 128, 2)).copy()
        hidden = np.zeros((96, 128), bool)
        hidden[:3], hidden[:, 123:] = True, True
        return FlowSample(f"{seed}", first, second, FlowMap(flow, np.ones((96, 128), bool)), hidden)

    return pair
