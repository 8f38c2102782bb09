"""Scenes as worse cameras would see them: how much of a score hangs on a perfect pair.

The left view stays where it is, so that the truth, which belongs to it, stays valid. What differs between the views
(exposure, gamma, focus, alignment) changes the right one alone; what they share (noise, compression, lack of colour)
changes both. Blur is of the right view alone: one lens out of focus is what goes wrong on a rig, and a blur of both
only removes detail.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from leadline.errors import InputError
from leadline.samples import StereoSample

Perturbation: TypeAlias = Callable[[StereoSample, np.random.Generator], StereoSample]
"""A scene and a source of randomness to the same scene, truth and name included, with worse images."""

_Image: TypeAlias = UInt8[np.ndarray, "h w 3"]
_NOISE_LEVELS: Final = 8.0
"""Standard deviation of the noise, in the 255 levels of an image."""


def perturb(scene: StereoSample, name: str) -> StereoSample:
    """A perturbed scene, the same at every call: the randomness is seeded by the scene's name and the perturbation's.

    Args:
        scene: Any scene.
        name: Out of `PERTURBATIONS`.
    Returns:
        The scene with new images; name, truth and occlusion mask are those of the old one.
    Raises:
        InputError: If there is no such perturbation.
    Example:
        >>> view = np.full((2, 2, 3), 100, np.uint8)
        >>> perturb(StereoSample("a", view, view), "exposure-0.5").right[0, 0].tolist()
        [50, 50, 50]
    """
    if name not in PERTURBATIONS:
        raise InputError(f"expected a perturbation out of {', '.join(PERTURBATIONS)}, got {name!r}")
    return PERTURBATIONS[name](scene, np.random.default_rng(list(f"{scene.key}/{name}".encode())))


def _in_right(change: Callable[[_Image], _Image]) -> Perturbation:
    return lambda scene, rng: replace(scene, right=change(scene.right))


def _in_both(change: Callable[[_Image], _Image]) -> Perturbation:
    return lambda scene, rng: replace(scene, left=change(scene.left), right=change(scene.right))


def _rounded(levels: Float[np.ndarray, "h w 3"]) -> _Image:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _exposed(image: _Image, factor: float) -> _Image:
    """Image values times a factor, cut at white."""
    return _rounded(image * factor)


def _gamma(image: _Image, exponent: float) -> _Image:
    return _rounded(255.0 * (image / 255.0) ** exponent)


def _moved(image: _Image, matrix: Float[np.ndarray, "2 3"]) -> _Image:
    """Moves what is seen by an affine map of pixel coordinates; Lanczos, since bilinear would blur as well."""
    size = (image.shape[1], image.shape[0])
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _lowered(image: _Image, offset_px: int) -> _Image:
    return _moved(image, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, offset_px]]))


def _rotated(image: _Image, angle_deg: float) -> _Image:
    """Rotates about the image's centre.

    Rows change by up to angle * width / 2, and columns by angle * height / 2: the disparity found along a row may so
    differ from the truth by 0.9 px at the upper and lower edge of an image 500 px high.
    """
    height, width = image.shape[:2]
    return _moved(image, np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)))


def _noisy(scene: StereoSample, rng: np.random.Generator) -> StereoSample:
    left, right = (_rounded(view + rng.normal(0.0, _NOISE_LEVELS, view.shape)) for view in (scene.left, scene.right))
    return replace(scene, left=left, right=right)


def _blurred(image: _Image, sigma_px: float) -> _Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def _jpeg(image: _Image, quality: int) -> _Image:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, code = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))
    decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
    assert decoded is not None, "OpenCV reads what it wrote"
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _grey(image: _Image) -> _Image:
    return np.repeat(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)


PERTURBATIONS: Final[Mapping[str, Perturbation]] = MappingProxyType(
    {
        "exposure-0.5": _in_right(lambda image: _exposed(image, 0.5)),
        "exposure-2": _in_right(lambda image: _exposed(image, 2.0)),
        "gamma-1.5": _in_right(lambda image: _gamma(image, 1.5)),
        "vertical-1px": _in_right(lambda image: _lowered(image, 1)),
        "vertical-2px": _in_right(lambda image: _lowered(image, 2)),
        "rotation-0.2deg": _in_right(lambda image: _rotated(image, 0.2)),
        "noise-8": _noisy,
        "blur-1px": _in_right(lambda image: _blurred(image, 1.0)),
        "jpeg-40": _in_both(lambda image: _jpeg(image, 40)),
        "grey": _in_both(_grey),
    }
)
"""Name -> perturbation, in the order of tables: photometric, geometric, and what both cameras share."""
