"""OpenCV's dense optical flow, checked forwards and backwards, and filled where the check fails."""

from dataclasses import dataclass
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.classical.flow_confidence import flow_confidence
from leadline.errors import InputError
from leadline.geometry.flow import agreeing
from leadline.geometry.image import require_8bit
from leadline.maps import FlowMap

FLOW_METHODS: Final = ("dis-ultrafast", "dis-fast", "dis-medium", "farneback")
"""Methods that `ClassicalFlow` has."""

FLOW_NAMES: Final = ("dis", *FLOW_METHODS)
"""Names that it takes: dis is its best preset, dis-medium."""

_PRESETS: Final = {
    "dis-ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "dis-fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "dis-medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
_SMALLEST: Final = 16
"""Below this side DIS has no level to work on."""
_FEWEST: Final = 0.02
"""With fewer pixels confirmed there is nothing to fill from."""

_Grey = UInt8[np.ndarray, "h w"]
_Image = UInt8[np.ndarray, "_ _ 3"] | UInt8[np.ndarray, "_ _"]


@final
@dataclass(frozen=True)
class ClassicalFlow:
    """A classical method behind the same call as the network.

    >>> import cv2, numpy as np
    >>> texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (80, 103), np.uint8), (0, 0), 2)
    >>> found = ClassicalFlow("dis-medium")(texture[:, 3:], texture[:, :100])
    >>> found.flow[40, 50].round(1).tolist()
    [3.0, 0.0]

    Args:
        name: `dis-ultrafast`, `dis-fast`, `dis-medium` (dense inverse search, by preset; `dis` is the last) or
            `farneback` (polynomial expansion).
        fill: Whether pixels that fail the check take the flow of what surrounds them; if not, they keep what the method
            says.
    Raises:
        InputError: If the name is unknown.
    Source: Kroeger et al. 2016 (DIS) and Farneback 2003, as implemented in OpenCV.
    """

    name: str
    fill: bool = True

    def __post_init__(self) -> None:
        """Refuses other names."""
        if self.name not in FLOW_NAMES:
            raise InputError(f"expected one of {', '.join(FLOW_NAMES)}, got {self.name!r}; choose one of them")

    @property
    def method(self) -> str:
        """One of `FLOW_METHODS`."""
        return "dis-medium" if self.name == "dis" else self.name

    def __call__(self, first: _Image, second: _Image) -> FlowMap:
        """Flow between two frames.

        Args:
            first: RGB or grey.
            second: The next frame, of the same size.
        Returns:
            Dense flow; `valid` where the way there and back ends within 1 px + 5 % of its length of where it began;
            and a confidence, as of `flow_confidence`.
        Raises:
            InputError: If a frame is not 8-bit RGB or grey, or too small, or the sizes differ.
        """
        require_8bit(first, "the first frame")
        require_8bit(second, "the second frame")
        if first.shape[:2] != second.shape[:2]:
            raise InputError(
                f"expected two frames of one size, got {first.shape[:2]} and {second.shape[:2]} (height, width); "
                "resize one of them"
            )
        if min(first.shape[:2]) < _SMALLEST:
            raise InputError(f"expected frames of at least {_SMALLEST}x{_SMALLEST} px, got {first.shape[:2]}")
        frames = _grey(first), _grey(second)
        forward, backward = self.one_way(*frames), self.one_way(*frames[::-1])
        valid = agreeing(forward, backward)
        confidence = flow_confidence(self.method, *frames, forward, backward)
        return FlowMap(filled(forward, valid) if self.fill else forward, valid, confidence)

    def one_way(self, first: _Grey, second: _Grey) -> Float32[np.ndarray, "h w 2"]:
        """Flow of the first frame's pixels by OpenCV, unchecked: half of the work of a call.

        Args:
            first: Grey.
            second: The next frame, likewise.
        """
        if self.method == "farneback":
            start = np.zeros((*first.shape, 2), np.float32)
            return np.asarray(cv2.calcOpticalFlowFarneback(first, second, start, 0.5, 5, 15, 3, 7, 1.5, 0))
        return np.asarray(cv2.DISOpticalFlow_create(_PRESETS[self.method]).calc(first, second, None))  # pyright: ignore


def filled(flow: Float32[np.ndarray, "h w 2"], valid: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 2"]:
    """Flow whose invalid pixels take the mean of the valid ones around them, from as far away as need be.

    Args:
        flow: Pixels.
        valid: Which of them are kept as they are.
    Returns:
        Dense flow; unchanged if next to nothing is valid.
    Source: the pull-push interpolation of Gortler et al. 1996 (The Lumigraph).
    """
    if valid.mean() < _FEWEST:
        return flow
    weight = valid.astype(np.float32)
    return np.where(valid[..., None], flow, _pulled(flow * weight[..., None], weight))


def _pulled(total: Float32[np.ndarray, "h w 2"], weight: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 2"]:
    """Flow times weight, completed where the weight is 0; the weight is 0 or 1."""
    height, width = weight.shape
    if weight.min() > 0 or min(height, width) < 2:
        return total
    half = ((width + 1) // 2, (height + 1) // 2)
    # Means over the known pixels of each block; a block is known if any of its pixels is.
    sums, share = (np.asarray(cv2.resize(layer, half, interpolation=cv2.INTER_AREA)) for layer in (total, weight))
    means = sums / np.maximum(share, 1e-6)[..., None]
    coarse = _pulled(means * (share > 0)[..., None], (share > 0).astype(np.float32))
    smooth = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))
    return total + (1.0 - weight)[..., None] * smooth


def _grey(image: _Image) -> _Grey:
    return np.ascontiguousarray(image) if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
