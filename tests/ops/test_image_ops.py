"""SSIM and derivatives of images against scikit-image and OpenCV."""

import cv2
import pytest
import torch
from skimage.metrics import structural_similarity

from leadline.ops import box_ssim, forward_differences, laplacian, sobel, ssim


def random_image(seed: int = 0, size: tuple[int, int] = (16, 18)) -> torch.Tensor:
    return torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_ssim_is_that_of_scikit_image():
    first, second = random_image(), 0.7 * random_image() + 0.3 * random_image(1)
    settings = {"data_range": 1.0, "use_sample_covariance": False, "full": True}
    _, expected = structural_similarity(
        first[0, 0].numpy(), second[0, 0].numpy(), gaussian_weights=True, sigma=1.5, **settings
    )
    torch.testing.assert_close(ssim(first, second)[0, 0, 5:-5, 5:-5], torch.from_numpy(expected)[5:-5, 5:-5])
    _, expected = structural_similarity(first[0, 0].numpy(), second[0, 0].numpy(), win_size=3, **settings)
    torch.testing.assert_close(box_ssim(first, second)[0, 0, 1:-1, 1:-1], torch.from_numpy(expected)[1:-1, 1:-1])


@pytest.mark.parametrize("measure", [ssim, box_ssim])
def test_ssim_of_an_image_with_itself_is_1_even_if_flat_small_or_half_precision(measure):
    for one in (random_image(), torch.full((1, 3, 2, 4), 0.5), random_image().half()):
        found = measure(one, one)
        torch.testing.assert_close(found, torch.ones_like(found))


def test_derivatives_are_those_of_opencv():
    one = random_image()
    image = one[0, 0].numpy()
    x, y = sobel(one)
    border = {"borderType": cv2.BORDER_REPLICATE}
    torch.testing.assert_close(x[0, 0], torch.from_numpy(cv2.Sobel(image, cv2.CV_64F, 1, 0, **border)) / 8)
    torch.testing.assert_close(y[0, 0], torch.from_numpy(cv2.Sobel(image, cv2.CV_64F, 0, 1, **border)) / 8)
    expected = torch.from_numpy(cv2.Laplacian(image, cv2.CV_64F, ksize=1, **border))
    torch.testing.assert_close(laplacian(one)[0, 0], expected)


def test_forward_differences_of_a_ramp():
    values = (3.0 * torch.arange(4.0) + 5.0 * torch.arange(3.0).unsqueeze(1)).expand(1, 1, 3, 4)
    x, y = forward_differences(values)
    torch.testing.assert_close(x, torch.full((1, 1, 3, 3), 3.0))
    torch.testing.assert_close(y, torch.full((1, 1, 2, 4), 5.0))


def test_gradients_agree_with_finite_differences():
    first, second = random_image(2, (3, 4)).requires_grad_(), random_image(3, (3, 4)).requires_grad_()
    for measure in (ssim, box_ssim):
        assert torch.autograd.gradcheck(measure, (first, second))
    for derivative in (sobel, laplacian, forward_differences):
        assert torch.autograd.gradcheck(derivative, (first,))
