"""A thing: meshes with the names of their surfaces, standing on its own origin."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leadline.data.synthetic.scene import Material
from leadline.data.synthetic.shapes import Mesh
from leadline.data.synthetic.solids import Real


@dataclass(frozen=True)
class Thing:
    """Something of plausible size; its front faces -z and its foot is at y = 0, in the middle of its footprint.

    Attributes:
        parts: Meshes in metres with the names of their surfaces (see ``surfaces.surface``), or with their materials.
        width_m: Extent along x.
        depth_m: Extent along z.
        height_m: Extent upwards.
        top: Whether other things may stand on its top, at ``height_m``.
        bare: Whether its materials mean nothing: any others suit it as well.
        source: Package and name of the model that it was read from; empty if it was made up.
    """

    parts: tuple[tuple[Mesh, str | Material], ...]
    width_m: Real
    depth_m: Real
    height_m: Real
    top: bool = False
    bare: bool = False
    source: str = ""


Maker = Callable[[np.random.Generator], Thing]


def pick(rng: np.random.Generator, makers: tuple[tuple[Maker, float], ...]) -> Thing:
    """A thing of a kind drawn by weight.

    Example:
        >>> crate = Thing(parts=(), width_m=0.4, depth_m=0.4, height_m=0.3)
        >>> pick(np.random.default_rng(0), ((lambda rng: crate, 1.0),)).height_m
        0.3
    """
    weights = np.array([w for _, w in makers])
    return makers[int(rng.choice(len(makers), p=weights / weights.sum()))][0](rng)
