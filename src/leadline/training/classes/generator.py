"""Training of a generator of images of classes."""

from dataclasses import dataclass
from typing import Any, Final, cast, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import Dataset

from leadline.data.classes.images import ClassImages, ClassSample, open_classes
from leadline.data.stream import Stream, draw_stereo
from leadline.errors import InputError
from leadline.models.blocks.diffusion import DIFFUSION_STEPS, noise_schedule
from leadline.models.catalog import build_model
from leadline.models.classes.generator import ClassNetwork
from leadline.training.learner import Learner
from leadline.training.processes import process_rank
from leadline.training.recipe import NetworkRecipe, require_range

_VALIDATION_STEPS: Final = (50, 200, 400, 600, 800)


@dataclass(frozen=True, kw_only=True)
class ClassRecipe(NetworkRecipe):
    """Training of a generator of images of classes.

    Args:
        data: Folder of classes, as `open_classes` reads it: IDX files, or CLASS folders; its part for training.
        validation: The same for validation: of its part for training, images that are not learnt from, if any are left.
        images: How many are learnt from, about as many of each class; 0 for all.
        anonymous: Share of the images whose class is not told, so that drawing can be guided.
        mirror: Whether images are mirrored at random.
    """

    images: int = 0
    anonymous: float = 0.1
    mirror: bool = False

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        require_range(self, "images", least=0)
        require_range(self, "anonymous", least=0, most=1)
        if not isinstance(self.data, str) or not isinstance(self.validation, str):
            raise InputError("expected a folder of classes as data and as validation of the recipe, got a data set")


@final
class ClassGenerator(Learner[ClassRecipe]):
    """Learns to denoise images of classes; validates the averaged weights by the same loss."""

    def __init__(self, recipe: ClassRecipe) -> None:
        model = build_model(recipe.model, recipe.model_options)
        if not isinstance(model, ClassNetwork):
            raise InputError(f"expected the model class-components or class-diffusion, got {recipe.model}")
        self._source = training_images(recipe)
        model.fit(_signal(torch.from_numpy(self._source.images)))
        super().__init__(recipe, cast(nn.Module, model))
        self.noise = noise_schedule()

    def training_step(self, batch: dict[str, Tensor], batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch; its noise is a function of seed and step, so that a resumed run draws the same."""
        seed = np.random.SeedSequence((self.recipe.seed, 3, self.global_step, process_rank())).generate_state(1)
        generator = torch.Generator().manual_seed(int(seed[0]))
        network = cast(ClassNetwork, self.model)
        clean = network.encode(_signal(batch["image"]))
        step = torch.randint(0, DIFFUSION_STEPS, (len(clean),), generator=generator).to(clean.device)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        hidden = torch.rand(len(clean), generator=generator).to(clean.device) < self.recipe.anonymous
        label = torch.where(hidden, network.classes, batch["label"])
        return self.checked({"velocity": self._error(network, clean, noise, step, label)})

    def _error(
        self, network: ClassNetwork, clean: Tensor, noise: Tensor, step: Tensor, label: Tensor
    ) -> Float[Tensor, ""]:
        velocity = network(self.noise.add_noise(clean, noise, step), step, label)
        return (network.weight * (velocity - self.noise.get_velocity(clean, noise, step)) ** 2).mean()

    def validation_step(self, batch: dict[str, Tensor], batch_index: int) -> None:
        """The loss of one image, at the same noise whenever it is asked for."""
        network = cast(ClassNetwork, self.averaged)
        step = torch.tensor(_VALIDATION_STEPS, device=self.device)
        clean = network.encode(_signal(batch["image"].unsqueeze(0)))
        clean = clean.expand(len(step), *clean.shape[1:])
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(batch_index)).to(clean)
        self.score("velocity", self._error(network, clean, noise, step, batch["label"].expand(len(step))))

    def samples(self, start: int, count: int) -> Stream[ClassSample]:
        """The samples of one epoch."""
        augment = _mirrored if self.recipe.mirror else _unchanged
        return Stream([self._source], [1.0], augment, _tensors, draw_stereo, self.recipe.seed, start, count)

    def validation_images(self) -> Dataset[Any]:
        """Images that are not learnt from; of those that are if there are no others."""
        recipe = self.recipe
        network = cast(ClassNetwork, self.averaged)
        held = open_classes(cast(str, recipe.validation), "train", network.side, network.channels == 1)
        order = held.balanced(recipe.seed)
        rest = order[recipe.images :] if 0 < recipe.images < len(order) else order
        return _Items(held.part(rest[: recipe.validation_pairs]))


class _Items(Dataset[dict[str, Tensor]]):
    def __init__(self, source: ClassImages) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return _tensors(self.source[index])


def training_images(recipe: ClassRecipe) -> ClassImages:
    """The images that a generator learns from.

    Raises:
        InputError: If they cannot be read, or have other classes than the network.
    """
    options = recipe.model_options
    side, channels = int(options.get("side", 28)), int(options.get("channels", 1))
    found = open_classes(cast(str, recipe.data), "train", side, channels == 1)
    if len(found.names) != (wanted := int(options.get("classes", 0))):
        raise InputError(f"expected {wanted} classes in {recipe.data}, got {len(found.names)}; change the recipe")
    return found.part(found.balanced(recipe.seed)[: recipe.images or None])


def _signal(image: Tensor) -> Float[Tensor, "b c h w"]:
    return image.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def _tensors(sample: ClassSample) -> dict[str, Tensor]:
    return {"image": torch.from_numpy(np.ascontiguousarray(sample.image)), "label": torch.tensor(sample.label)}


def _unchanged(sample: ClassSample, rng: np.random.Generator) -> ClassSample:
    return sample


def _mirrored(sample: ClassSample, rng: np.random.Generator) -> ClassSample:
    return ClassSample(sample.key, sample.image[:, ::-1], sample.label) if rng.random() < 0.5 else sample
