"""Model of a camera's sensor: exposure, colour, lens, noise, compression."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float32, UInt8


@dataclass(frozen=True)
class SensorParams:
    """One camera's faults; the defaults are a perfect camera.

    Attributes:
        exposure_stops: Brightness, powers of two in linear light.
        gamma: Extra power on the coded image.
        cast: Gains of red, green and blue.
        contrast: Gain about middle grey.
        vignette: Share of light lost in the corners.
        shot_noise: Variance of the noise per unit of signal.
        read_noise: Standard deviation of the noise in the dark.
        blur_px: Sigma of the Gaussian blur.
        defocus_px: Radius of the blur disc.
        jpeg_quality: 1 to 100, or 0 for no compression.
        grey: Whether the camera sees no colour.
        shift_down_px: How much lower the image sits than it should.
        turn_rad: Turn about the image's centre.
    """

    exposure_stops: float = 0.0
    gamma: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    vignette: float = 0.0
    shot_noise: float = 0.0
    read_noise: float = 0.0
    blur_px: float = 0.0
    defocus_px: float = 0.0
    jpeg_quality: int = 0
    grey: bool = False
    shift_down_px: float = 0.0
    turn_rad: float = 0.0


def random_sensor(rng: np.random.Generator) -> SensorParams:
    """A camera: mostly good, sometimes poor."""
    severity = float(rng.beta(1.2, 3.0))
    noise = severity * rng.random()
    defocus, blur = rng.random() < 0.15 * severity, rng.random() < 0.5
    return SensorParams(
        exposure_stops=float(np.clip(rng.normal(0, 0.15 + 0.6 * severity), -0.8, 0.8)),
        gamma=float(np.exp(rng.normal(0, 0.12))),
        cast=_random_cast(rng, 0.05 + 0.08 * severity),
        contrast=float(np.exp(rng.normal(0, 0.12))),
        vignette=float(0.5 * rng.random() * severity),
        shot_noise=float(0.004 * noise**1.5),
        read_noise=float(0.03 * noise**2),
        blur_px=float(rng.uniform(0.3, 0.5 + 1.2 * severity)) if blur else 0.0,
        defocus_px=float(rng.uniform(0.8, 2.5)) if defocus else 0.0,
        jpeg_quality=int(rng.uniform(98 - 60 * severity, 98)) if rng.random() < 0.4 else 0,
        grey=bool(rng.random() < 0.05),
    )


def _random_cast(rng: np.random.Generator, spread: float) -> tuple[float, float, float]:
    red, green, blue = np.exp(rng.normal(0, spread, 3)).tolist()
    return red, green, blue


def random_sensor_pair(rng: np.random.Generator) -> tuple[SensorParams, SensorParams]:
    """Two cameras: alike half of the time; in three pairs of ten the right one is slightly out of line."""
    left = random_sensor(rng)
    right = left if rng.random() < 0.5 else replace(random_sensor(rng), grey=left.grey)
    if rng.random() < 0.3:
        shift, turn = 2.0 * rng.random() ** 2.5, np.deg2rad(0.1) * rng.random() ** 2
        signs = rng.choice([-1.0, 1.0], 2)
        right = replace(right, shift_down_px=float(shift * signs[0]), turn_rad=float(turn * signs[1]))
    return left, right


def apply_sensor(
    image: Float32[np.ndarray, "h w 3"], params: SensorParams, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """Take a linear image through the camera.

    Args:
        image: Linear light, 1 is white.
        params: The camera.
        rng: For the noise.
    """
    image = _optics(image, params)
    height, width = image.shape[:2]
    gain = np.array(params.cast, np.float32) * np.float32(2.0**params.exposure_stops)
    image = image * gain
    if params.vignette > 0:
        y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        image *= (1.0 - params.vignette * 0.5 * (x * x + y * y)).astype(np.float32)[..., None]
    if params.shot_noise > 0 or params.read_noise > 0:
        spread = np.sqrt(params.read_noise**2 + params.shot_noise * np.maximum(image, 0))
        image += spread * rng.standard_normal(image.shape, np.float32)
    coded = encode(image)
    if params.gamma != 1.0 or params.contrast != 1.0:
        levels = np.linspace(0, 1, 256) ** params.gamma
        levels = np.clip(0.5 + params.contrast * (levels - 0.5), 0, 1)
        coded = cv2.LUT(coded, np.round(255 * levels).astype(np.uint8))
    if params.grey:
        coded = cv2.cvtColor(cv2.cvtColor(coded, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if params.jpeg_quality:
        _, code = cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, params.jpeg_quality])
        coded = cv2.imdecode(code, cv2.IMREAD_COLOR)
        assert coded is not None, "OpenCV reads what it has just written"
    return coded


def encode(linear: Float32[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Linear light to 8 bits, by the square root: the inverse of how textures are read.

    Example:
        >>> encode(np.array([[[0.0, 0.25, 1.0]]], np.float32)).tolist()
        [[[0, 128, 255]]]
    """
    return np.round(255.0 * np.sqrt(np.clip(linear, 0.0, 1.0))).astype(np.uint8)


def _optics(image: Float32[np.ndarray, "h w 3"], params: SensorParams) -> Float32[np.ndarray, "h w 3"]:
    height, width = image.shape[:2]
    if params.shift_down_px != 0.0 or params.turn_rad != 0.0:
        c, s = np.cos(params.turn_rad), np.sin(params.turn_rad)
        x0, y0 = (width - 1) / 2, (height - 1) / 2
        matrix = np.array([[c, -s, x0 - c * x0 + s * y0], [s, c, y0 - s * x0 - c * y0 + params.shift_down_px]])
        image = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if params.defocus_px > 0:
        reach = int(np.ceil(params.defocus_px))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = np.clip(params.defocus_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
        image = cv2.filter2D(image, -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)
    if params.blur_px > 0:
        image = cv2.GaussianBlur(image, (0, 0), params.blur_px, borderType=cv2.BORDER_REPLICATE)
    return image


def exposure_gain(image: Float32[np.ndarray, "h w 3"], target: float) -> np.float32:
    """The gain, at most 50, that brings a linear image's coded mean to about the target."""
    luminance = image[::3, ::3].mean(-1)
    gain = 1.0
    for _ in range(4):
        coded = float(np.sqrt(np.clip(gain * luminance, 0, 1)).mean())
        gain *= (target / max(coded, 1e-3)) ** 2
    return np.float32(min(gain, 50.0))
