"""What classical flow offers a network: the layers of a known shift."""

import cv2
import numpy as np

from leadline.classical.flow_prior import EVIDENCE, HYPOTHESES, PRIOR_LAYERS, flow_prior


def shifted(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(3).random((height + 2, width + 5, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    texture = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    return texture[:-2, 5:].copy(), texture[2:, :-5].copy()


def layer(prior: np.ndarray, name: str) -> np.ndarray:
    return prior[:, 2 * len(HYPOTHESES) + EVIDENCE.index(name)]


def test_a_shift_is_found_by_every_hypothesis():
    prior = flow_prior(*shifted(96, 128))
    assert prior.shape == (96, PRIOR_LAYERS, 128)
    assert prior.dtype == np.float32
    for number in range(len(HYPOTHESES)):
        inner = prior[20:-20, 2 * number : 2 * number + 2, 20:-20]
        np.testing.assert_allclose(np.median(inner, axis=(0, 2)), [5.0, -2.0], atol=0.2)
    inner = np.s_[20:-20, 20:-20]
    assert layer(prior, "agrees")[inner].mean() > 0.95
    assert layer(prior, "inside dis")[inner].all()
    # What lies 5 px from the right border leaves the frame.
    assert not layer(prior, "inside dis")[10:-10, -3:].any()
    # A round trip of next to nothing: log(0.05) / 3.
    assert abs(np.median(layer(prior, "trip")[inner]) + 1.0) < 0.25
    assert np.isfinite(prior).all()


def test_noise_without_a_partner_has_evidence_against_it():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(2))
    prior, known = flow_prior(first, second), flow_prior(*shifted(96, 128))
    assert layer(prior, "difference dis").mean() > 3 * layer(known, "difference dis").mean()
    assert layer(prior, "agrees").mean() < 0.5


def test_small_frames_have_nothing_coarser():
    prior = flow_prior(*shifted(32, 40))
    np.testing.assert_array_equal(prior[:, 4:6], prior[:, :2])
