"""Stereo samples with what a classical matcher found in them: what a network that mends disparities learns from."""

from pathlib import Path
from typing import Final, final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt16
from torch import Tensor
from torch.utils.data import Dataset

from leadline.classical import ClassicalStereo
from leadline.data.stereo.stream import StereoBatch
from leadline.data.stream import Stream
from leadline.io.atomic import atomic_write
from leadline.maps import DisparityMap
from leadline.runtime.prior import sgbm_prior
from leadline.samples import StereoSample

#: Matchers and how often each is drawn: mostly the one that the network will usually follow.
_MATCHERS: Final = {"sgbm-3way": 0.7, "sgbm": 0.15, "bm": 0.15}
_RANGES_PX: Final = (96, 192, 256)
_STEPS_PER_PX: Final = 64  # of a stored disparity: finer than the matchers' sixteenths


class PriorBatch(StereoBatch):
    """A collated batch of samples with a matcher's disparity, filled, and where the matcher stands by it."""

    prior: Float[Tensor, "b h w"]
    prior_valid: Bool[Tensor, "b h w"]


@final
class CachedPriorStream(Dataset[dict[str, Tensor]]):
    """A stream of samples with a matcher's result, which is kept in files: matching is slower than training.

    Args:
        stream: Samples 0 .. n - 1; after the last one the first comes again.
        cache: Folder of the results; made for this stream only.
        start: Number of the first sample.
        count: How many.
    """

    def __init__(self, stream: Stream[StereoSample], cache: Path, start: int, count: int) -> None:
        self.stream, self.cache, self.start, self.count = stream, cache, start, count

    def __len__(self) -> int:
        """Samples in the epoch."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One augmented sample, matched."""
        number = (self.start + index) % len(self.stream)
        sample = self.stream[number]
        path = self.cache / f"{number:06d}.png"
        if not path.exists():
            rng = np.random.default_rng((self.stream.seed, 2, number))
            name = str(rng.choice(list(_MATCHERS), p=list(_MATCHERS.values())))
            matcher = ClassicalStereo(name, int(rng.choice(_RANGES_PX)))
            found = matcher(sample["left"].numpy(), sample["right"].numpy())
            with atomic_write(path) as stream:
                stream.write(cv2.imencode(".png", _encode(found))[1].tobytes())
        coded = np.asarray(cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED))
        prior = (coded >> 1).astype(np.float32) / np.float32(_STEPS_PER_PX)
        return {**sample, "prior": torch.from_numpy(prior), "prior_valid": torch.from_numpy((coded & 1) > 0)}


@final
class PriorStream(Dataset[dict[str, Tensor]]):
    """A stream of samples; those of every other batch come with what guides a network in them.

    The guide is found in smaller images than the network sees: it will be in those that are not enlarged yet.

    Args:
        stream: The samples, as the network sees them.
        start: Number of the stream's first sample, counted from the run's first one.
        batch_size: Samples in a batch.
        max_disparity: Largest disparity that the network sees, px.
        enlarge: How much smaller the guide sees the images.
    """

    def __init__(
        self, stream: Dataset[dict[str, Tensor]], start: int, batch_size: int, max_disparity: int, enlarge: float
    ) -> None:
        self.stream, self.start, self.batch_size = stream, start, batch_size
        self.max_disparity, self.enlarge = max_disparity, enlarge

    def __len__(self) -> int:
        """Samples in the epoch."""
        return len(self.stream)  # pyright: ignore[reportArgumentType]

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One sample, guided in batches of an odd number."""
        sample = self.stream[index]
        if (self.start + index) // self.batch_size % 2 == 0:
            return sample
        views = sample["left"].numpy(), sample["right"].numpy()
        height, width = views[0].shape[:2]
        size = round(width / self.enlarge), round(height / self.enlarge)
        left, right = (np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA)) for view in views)
        layers = sgbm_prior(left, right, int(self.max_disparity / self.enlarge))
        found, valid = (cv2.resize(layer, (width, height), interpolation=cv2.INTER_NEAREST) for layer in layers)
        prior = np.asarray(found) * np.float32(width / size[0])
        return {**sample, "prior": torch.from_numpy(prior), "prior_valid": torch.from_numpy(valid > 0)}


def _encode(found: DisparityMap) -> UInt16[np.ndarray, "h w"]:
    """Disparity in 1/64 px, up to 511 px, with its validity as the lowest bit."""
    coded = np.clip(np.rint(found.disparity * _STEPS_PER_PX), 0, 2**15 - 1).astype(np.uint16)
    return (coded << 1) | found.valid.astype(np.uint16)
