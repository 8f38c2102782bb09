"""Layout of a world for one camera: the floor plan, what stands where, and the light."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from leadline.data.synthetic import tabletop
from leadline.data.synthetic.scene import Air, Assembly, Light, Material, Scene, rotation_matrix
from leadline.data.synthetic.shapes import Mesh
from leadline.data.synthetic.shelf import Place, Shelf
from leadline.data.synthetic.solids import Real
from leadline.data.synthetic.surfaces import surface
from leadline.data.synthetic.textures import TextureBank
from leadline.data.synthetic.things import Maker, Thing, pick

_REAL_SHARE = 0.75
"""Of things that are real models where there are any."""


@dataclass(frozen=True)
class Viewpoint:
    """A camera in the world: x right, height upwards, z forward; yaw turns right, pitch looks up.

    Attributes:
        x_m: Place along x.
        up_m: Height.
        z_m: Place along z.
        yaw_rad: Turn from +z towards +x.
        pitch_rad: Elevation of the optical axis.
        roll_rad: Turn about the optical axis.
        hfov_rad: Horizontal field of view.
    """

    x_m: Real
    up_m: Real
    z_m: Real
    yaw_rad: Real
    pitch_rad: Real
    roll_rad: Real
    hfov_rad: Real


@dataclass
class MonoStage:
    """State that the layout functions share.

    Attributes:
        rng: Where chance comes from.
        bank: The tiles, with the household groups.
        view: The camera; the scene is moved so that it stands at the origin.
        parts: The objects so far.
        taken: Footprints (x, z, half width, half depth) that are occupied.
        shelf: Real models, which then take the place of most made-up things.
        models: Package and name of those in the scene.
    """

    rng: np.random.Generator
    bank: TextureBank
    view: Viewpoint
    parts: Assembly = field(default_factory=Assembly)
    taken: list[tuple[Real, Real, Real, Real]] = field(default_factory=list)
    shelf: Shelf | None = None
    models: set[str] = field(default_factory=set)

    def material(self, name: str) -> Material:
        """A surface of a kind."""
        return surface(name, self.rng, self.bank)

    def add(self, mesh: Mesh, look: Material, x: Real, up: Real, z: Real, yaw_rad: Real = 0.0) -> None:
        """Place a mesh."""
        centre = np.array([x - self.view.x_m, self.view.up_m - up, z - self.view.z_m])
        self.parts.add(mesh, rotation_matrix(yaw_rad, 0.0, 0.0), np.ones(3), centre, look)

    def put(self, thing: Thing, x: Real, z: Real, yaw_rad: Real, up: Real = 0.0) -> None:
        """Place a thing; parts that name the same surface share one material."""
        looks: dict[str, Material] = {}
        if thing.source:
            self.models.add(thing.source)
        for mesh, name in thing.parts:
            if isinstance(name, Material):
                self.add(mesh, name, x, up, z, yaw_rad)
                continue
            look = looks.setdefault(name, self.material(name)) if name not in looks else looks[name]
            self.add(mesh, look, x, up, z, yaw_rad)

    def draw(self, makers: tuple[tuple[Maker, float], ...], place: Place) -> Thing:
        """A thing of a kind drawn by weight, or a real model for the place where there are any."""
        if self.shelf is not None and self.rng.random() < _REAL_SHARE:
            found = self.shelf.draw(self.rng, place)
            if found is not None:
                return found
        return pick(self.rng, makers)

    def reserve(self, x: Real, z: Real, half_w: Real, half_d: Real) -> bool:
        """Take a place on the floor, unless something is there."""
        for a, b, w, d in self.taken:
            if abs(a - x) < w + half_w and abs(b - z) < d + half_d:
                return False
        self.taken.append((x, z, half_w, half_d))
        return True

    def scatter(self, thing: Thing, x: Real, z: Real, yaw_rad: Real, most: int, up: Real = 0.0) -> None:
        """Put small things on a thing's top, without overlap."""
        rng, spots = self.rng, list[tuple[float, float, float]]()
        for _ in range(int(rng.integers(0, most + 1))):
            small = self.draw(tabletop.ON_TABLES, "top")
            radius = 0.5 * float(np.hypot(small.width_m, small.depth_m))
            room = thing.width_m / 2 - small.width_m / 2, thing.depth_m / 2 - small.depth_m / 2
            if min(room) <= 0:
                continue
            a, b = rng.uniform(-room[0], room[0]), rng.uniform(-room[1], room[1])
            if any(np.hypot(a - p, b - q) < 0.85 * (radius + r) for p, q, r in spots):
                continue
            spots.append((a, b, radius))
            turn = yaw_rad + (rng.normal(0, 0.3) if rng.random() < 0.7 else rng.uniform(0, 6))
            self.put(small, *placed(x, z, yaw_rad, a, b), turn, up + thing.height_m)

    def scene(self, name: str, lights: tuple[Light, ...], air: Air) -> Scene:
        """The finished scene."""
        if self.shelf is not None and (sky := self.shelf.sky(self.rng)) is not None:
            air = replace(air, sky=sky)
        turn = rotation_matrix(self.view.yaw_rad, self.view.pitch_rad, self.view.roll_rad)
        return Scene(
            **self.parts.arrays(),
            lights=lights,
            air=air,
            world_from_camera=turn.astype(np.float32),
            hfov_rad=float(self.view.hfov_rad),
            largest_disparity_px=0.0,
            name=name,
            models=tuple(sorted(self.models)),
        )

    def lamp(self, x: Real, up: Real, z: Real, strength: Real, reach_m: Real) -> Light:
        """A lamp at a place."""
        place = np.array([x - self.view.x_m, self.view.up_m - up, z - self.view.z_m], np.float32)
        tint = np.array([1.0, 1.0, 1.0]) - np.array([0.0, 0.1, 0.3]) * self.rng.random() * (self.rng.random() < 0.6)
        softness = float(self.rng.uniform(1.0, 4.0))
        return Light(place, (strength * tint).astype(np.float32), False, float(reach_m), softness)

    def sun(self, azimuth_rad: Real, elevation_rad: Real, strength: Real) -> Light:
        """The sun, in a direction."""
        level = np.cos(elevation_rad)
        towards = [level * np.sin(azimuth_rad), -np.sin(elevation_rad), level * np.cos(azimuth_rad)]
        tint = np.array([1.0, 0.95, 0.85]) if self.rng.random() < 0.6 else np.ones(3)
        colour = (strength * tint).astype(np.float32)
        return Light(np.array(towards, np.float32), colour, True, 1.0, float(self.rng.uniform(0.5, 2.0)))


#: Adds what a layout function does not know of, such as floating objects, before the light is set.
Extra = Callable[[MonoStage], None]


def nothing(_: MonoStage) -> None:
    """Adds nothing."""


def placed(x: Real, z: Real, yaw_rad: Real, a: Real, b: Real) -> tuple[float, float]:
    """World x and z of a point (a, b) in the frame of a thing.

    Example:
        >>> [round(part, 6) for part in placed(5.0, 7.0, np.pi / 2, a=1.0, b=0.0)]
        [5.0, 6.0]
    """
    c, s = float(np.cos(yaw_rad)), float(np.sin(yaw_rad))
    return x + c * a + s * b, z - s * a + c * b


def air(
    rng: np.random.Generator, bank: TextureBank, up: Real, down: Real, fog_per_m: float = 0.0, tint: float = 0.15
) -> Air:
    """Ambient light and sky.

    Args:
        rng: Where chance comes from.
        bank: The tiles.
        up: Light from above.
        down: Light from below.
        fog_per_m: Extinction.
        tint: How far its colour may stray from grey.
    """
    colour = 1.0 - tint * rng.random(3)
    grey = rng.uniform(0.55, 0.95)
    return Air(
        (up * colour).astype(np.float32),
        (down * colour).astype(np.float32),
        int(rng.choice(bank.groups["sky"])),
        (rng.uniform(0.9, 1.6) * (1 - 0.15 * rng.random(3))).astype(np.float32),
        fog_per_m,
        (grey * np.array([0.93, 0.97, 1.0])).astype(np.float32),
    )
