"""What generated images are worth: a classifier learns from them and is tested on real ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from leadline.data.classes.images import ClassImages
from leadline.errors import InputError
from leadline.metrics.frechet import frechet_distance
from leadline.models.classes.classifier import SmallClassifier

SOURCES: Final = ("real", "generated", "both")
_BATCH: Final = 128
_RATE: Final = 3e-3
_CHUNK: Final = 500
_CLOSE: Final = 0.01
"""Share of the real test images that lie closer to a training image than what counts as a copy."""


@dataclass(frozen=True)
class Worth:
    """What generated images are worth.

    Args:
        accuracy: Training data (real, generated, both) -> accuracy on real test images, one value a seed, in percent.
        distance: Frechet distance of the generated images from the real test images, by features of a classifier that
            learnt from real images; that of the real training images is `floor`.
        floor: The distance of real training images from the real test images.
        copies: Share of the generated images that lie closer to a real training image than 99 % of the real test images
            do; 0.01 is what images that copy nothing have.
        nearest: Median distance of a generated image from its nearest real training image, over that of a real test
            image; 1 is as far as new real images are, 0 is a copy.
        images: Number of real training, generated, and real test images.
    """

    accuracy: Mapping[str, tuple[float, ...]]
    distance: float
    floor: float
    copies: float
    nearest: float
    images: tuple[int, int, int]

    @property
    def gap(self) -> float:
        """Points of mean accuracy that generated images are behind real ones."""
        return float(np.mean(self.accuracy["real"]) - np.mean(self.accuracy["generated"]))

    def as_json(self) -> dict[str, Any]:
        """Every figure, with means and deviations over the seeds."""
        spread = {
            name: {"mean": float(np.mean(values)), "deviation": _deviation(values), "seeds": list(values)}
            for name, values in self.accuracy.items()
        }
        return {
            "accuracy_percent": spread,
            "gap_points": self.gap,
            "frechet": self.distance,
            "frechet_of_real": self.floor,
            "copies": self.copies,
            "nearest": self.nearest,
            "images": dict(zip(("real", "generated", "test"), self.images, strict=True)),
        }


def _deviation(values: tuple[float, ...]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def judge_classes(
    real: ClassImages,
    generated: ClassImages,
    test: ClassImages,
    seeds: int = 3,
    steps: int = 600,
    advance: Callable[[], None] = lambda: None,
) -> Worth:
    """Trains a classifier on real images, on generated ones and on both, and tests each on real images.

    All trainings take the same number of steps of the same number of images.

    Args:
        real: Real training images.
        generated: Generated images of the same classes and size.
        test: Real test images.
        seeds: How many times each is trained.
        steps: Optimiser steps of a training.
        advance: Called after each training.
    Raises:
        InputError: If classes or sizes differ, or there are no images.
    """
    for name, one in (("generated", generated), ("test", test)):
        if one.names != real.names or one.images.shape[1:] != real.images.shape[1:]:
            raise InputError(
                f"expected {name} images of the classes {', '.join(real.names[:5])} ... and of size "
                f"{real.images.shape[1:]}, got {', '.join(one.names[:5])} ... and {one.images.shape[1:]}"
            )
    if min(len(real), len(generated), len(test)) < 2 or seeds < 1 or steps < 1:
        raise InputError("expected at least 2 images of each kind, 1 seed and 1 step, got less")
    both = ClassImages(
        np.concatenate([real.images, generated.images]), np.concatenate([real.labels, generated.labels]), real.names
    )
    accuracy, judge = dict[str, tuple[float, ...]](), None
    for name, data in zip(SOURCES, (real, generated, both), strict=True):
        found = list[float]()
        for seed in range(seeds):
            classifier = train_classifier(data, seed, steps)
            judge = judge or classifier  # the first one, which learnt from real images
            found.append(accuracy_percent(classifier, test))
            advance()
        accuracy[name] = tuple(found)
    assert judge is not None, "there is at least one seed"
    features = [_features(judge, one) for one in (generated, test, real)]
    near = [_nearest(signal(one).flatten(1), signal(real).flatten(1)) for one in (generated, test)]
    return Worth(
        accuracy,
        frechet_distance(features[0], features[1]),
        frechet_distance(features[2], features[1]),
        float((near[0] < np.quantile(near[1], _CLOSE)).mean()),
        float(np.median(near[0]) / max(float(np.median(near[1])), 1e-9)),
        (len(real), len(generated), len(test)),
    )


def train_classifier(data: ClassImages, seed: int, steps: int) -> SmallClassifier:
    """A classifier that learnt from images, ready to be asked.

    Args:
        data: The images.
        seed: Of its weights and of the order.
        steps: Of at most 128 images, at a learning rate that falls to zero.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        side, channels = data.images.shape[1], data.images.shape[3]
        classifier = SmallClassifier(len(data.names), side, channels)
        optimizer = torch.optim.AdamW(classifier.parameters(), _RATE, weight_decay=0.01)
        images, labels = signal(data), torch.from_numpy(data.labels)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _RATE * (1.0 - step / steps)
            chosen = torch.randint(len(images), (min(_BATCH, len(images)),))
            optimizer.zero_grad()
            functional.cross_entropy(classifier(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    return classifier.eval()


def accuracy_percent(classifier: SmallClassifier, data: ClassImages) -> float:
    """Share of images whose class is found."""
    labels = torch.from_numpy(data.labels)
    with torch.no_grad():
        found = torch.cat([classifier(part).argmax(dim=1) for part in signal(data).split(_CHUNK)])
    return 100.0 * float((found == labels).double().mean())


def signal(data: ClassImages) -> Float[Tensor, "n c h w"]:
    """Images as networks take them, in [-1, 1]."""
    return torch.from_numpy(data.images).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def _features(classifier: SmallClassifier, data: ClassImages) -> Float[np.ndarray, "n d"]:
    with torch.no_grad():
        return torch.cat([classifier.embed(part) for part in signal(data).split(_CHUNK)]).numpy()


def _nearest(images: Float[Tensor, "n d"], among: Float[Tensor, "m d"]) -> Float[np.ndarray, " n"]:
    """Distance of each image from the nearest of others, over the square root of its pixels."""
    found = torch.cat([torch.cdist(part, among).min(dim=1).values for part in images.split(_CHUNK)])
    return (found / images.shape[1] ** 0.5).numpy()
