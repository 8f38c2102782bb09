"""Block matching against naive loops and against OpenCV's template matching."""

import cv2
import numpy as np
import pytest
import torch

from leadline.errors import InputError
from leadline.ops import (
    cross_correlation_volume,
    ncc_volume,
    normalised_ssd_volume,
    sad_volume,
    soft_argmin,
    ssd_volume,
    zncc_volume,
)

COSTS = [sad_volume, ssd_volume, normalised_ssd_volume]
SIMILARITIES = [cross_correlation_volume, ncc_volume, zncc_volume]


def image(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _over_powers(score):
    return lambda one, other: score(one, other) / np.sqrt((one**2).sum() * (other**2).sum())


def _centred(window: np.ndarray) -> np.ndarray:
    return window - window.mean(axis=(1, 2), keepdims=True)


NAIVE = {
    sad_volume: lambda one, other: np.abs(one - other).mean(),
    ssd_volume: lambda one, other: ((one - other) ** 2).mean(),
    normalised_ssd_volume: _over_powers(lambda one, other: ((one - other) ** 2).sum()),
    cross_correlation_volume: lambda one, other: (one * other).mean(),
    ncc_volume: _over_powers(lambda one, other: (one * other).sum()),
    zncc_volume: lambda one, other: NAIVE[ncc_volume](_centred(one), _centred(other)),
}


@pytest.mark.parametrize("volume", COSTS + SIMILARITIES)
@pytest.mark.parametrize("radius", [1, 2])
def test_scores_are_the_naive_loop_up_to_the_border(volume, radius):
    left, right = image(2, 3, 4, 7), image(2, 3, 4, 7, seed=1)
    found = volume(left, right, 9, radius)
    worst = torch.inf if volume in COSTS else -torch.inf
    for b, d, y, x in np.ndindex(2, 9, 4, 7):
        if x < d:
            assert found[b, d, y, x] == worst
            continue
        rows = slice(max(y - radius, 0), min(y + radius, 3) + 1)
        columns = range(max(x - radius, d), min(x + radius, 6) + 1)  # those that both images have
        one = left[b, :, rows, columns].numpy()
        other = right[b, :, rows, [column - d for column in columns]].numpy()
        assert found[b, d, y, x].item() == pytest.approx(NAIVE[volume](one, other), abs=1e-12)


@pytest.mark.parametrize(
    ("volume", "method", "factor"),
    [
        (ssd_volume, cv2.TM_SQDIFF, 75.0),
        (normalised_ssd_volume, cv2.TM_SQDIFF_NORMED, 1.0),
        (cross_correlation_volume, cv2.TM_CCORR, 75.0),
        (ncc_volume, cv2.TM_CCORR_NORMED, 1.0),
        (zncc_volume, cv2.TM_CCOEFF_NORMED, 1.0),
    ],
)
def test_scores_are_those_of_opencv(volume, method, factor):
    left, right = image(1, 3, 5, 16).float(), image(1, 3, 5, 16, seed=1).float()
    found = factor * volume(left, right, 9, 2)[0, :, 2, 12]
    views = [np.ascontiguousarray(view[0].permute(1, 2, 0).numpy()) for view in (left, right)]
    # Template columns 10 to 14 against right windows that begin at columns 10 - d.
    expected = cv2.matchTemplate(views[1], np.ascontiguousarray(views[0][:, 10:15]), method)[0, 10 - np.arange(9)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("volume", [*COSTS, ncc_volume, zncc_volume])
def test_shift_by_7_px_gives_disparity_7(volume):
    texture = image(1, 3, 9, 47)
    scores = volume(texture[..., :40], texture[..., 7:], 12, 3)
    best = scores.argmin(dim=1) if volume in COSTS else scores.argmax(dim=1)
    assert (best[..., 7:] == 7).all()


def test_gain_and_offset_blind_what_they_should():
    left, right = image(1, 3, 6, 10), image(1, 3, 6, 10, seed=1)
    torch.testing.assert_close(ncc_volume(2.0 * left, right, 4, 1), ncc_volume(left, right, 4, 1))
    offset = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64).view(1, 3, 1, 1)
    torch.testing.assert_close(zncc_volume(2.0 * left + offset, right, 4, 1), zncc_volume(left, right, 4, 1))


@pytest.mark.parametrize("level", [0.0, 0.5])
@pytest.mark.parametrize("volume", COSTS + SIMILARITIES)
def test_flat_images_have_finite_scores_and_gradients(volume, level):
    left, right = (torch.full((1, 3, 5, 8), level).requires_grad_() for _ in range(2))
    scores = volume(left, right, 3, 1)[..., 2:]
    scores.sum().backward()
    alike = {cross_correlation_volume: level**2, ncc_volume: float(level > 0), zncc_volume: 0.0}.get(volume, 0.0)
    torch.testing.assert_close(scores, torch.full((1, 3, 5, 6), alike))
    assert left.grad.isfinite().all()
    assert right.grad.isfinite().all()


@pytest.mark.parametrize("volume", COSTS + SIMILARITIES)
def test_half_precision_is_widened_and_strides_do_not_matter(volume):
    left, right = image(1, 3, 5, 8).half(), image(1, 3, 5, 8, seed=1).half()
    found = volume(left, right, 3, 1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, volume(left.float(), right.float(), 3, 1))
    mirrored = volume(*(view.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) for view in (left, right)), 3, 1)
    torch.testing.assert_close(found, mirrored)


def test_soft_argmin_leaves_out_what_the_right_image_lacks():
    disparity = soft_argmin(sad_volume(image(1, 1, 3, 5), image(1, 1, 3, 5, seed=1), 5, 1))
    assert disparity.isfinite().all()
    assert (disparity <= torch.arange(5)).all()
    assert not disparity[..., 0].any()


@pytest.mark.parametrize(("disparities", "radius"), [(0, 1), (3, -1)])
def test_there_must_be_a_candidate_in_a_window(disparities, radius):
    with pytest.raises(InputError, match="disparities >= 1 and radius >= 0"):
        sad_volume(image(1, 1, 3, 4), image(1, 1, 3, 4), disparities, radius)


@pytest.mark.parametrize("volume", COSTS + SIMILARITIES)
def test_gradients_agree_with_finite_differences(volume):
    left, right = image(1, 2, 3, 4).requires_grad_(), image(1, 2, 3, 4, seed=1).requires_grad_()
    # What is infinite does not change; the differences could not tell.
    assert torch.autograd.gradcheck(lambda a, b: volume(a, b, 2, 1)[..., 1:], (left, right))
