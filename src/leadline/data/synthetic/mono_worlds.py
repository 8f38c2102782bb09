"""The worlds for single images: things of plausible size before plausible cameras."""

from collections.abc import Callable

import numpy as np

from leadline.data.synthetic.outdoors import landscape, street
from leadline.data.synthetic.rooms import corridor, desk, room
from leadline.data.synthetic.scene import Scene
from leadline.data.synthetic.textures import TextureBank

MONO_WORLDS: tuple[tuple[Callable[[np.random.Generator, TextureBank], Scene], float], ...] = (
    (room, 0.34),
    (desk, 0.22),
    (corridor, 0.08),
    (street, 0.2),
    (landscape, 0.16),
)


def random_mono_scene(seed: int, bank: TextureBank, attempt: int = 0) -> Scene:
    """The scene of a seed, seen by one camera at its origin.

    Args:
        seed: Every choice follows from it.
        bank: The household bank.
        attempt: Another scene of the same seed, for when one turned out unusable.
    """
    # The last number sets these scenes apart from those of stereo pairs.
    rng = np.random.Generator(np.random.PCG64([seed, attempt, 2]))
    weights = np.array([w for _, w in MONO_WORLDS])
    return MONO_WORLDS[int(rng.choice(len(MONO_WORLDS), p=weights / weights.sum()))][0](rng, bank)
