"""Camera images of the worlds that simulated robots fly through, with the textures and lamps of the other renderers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from leadline.data.synthetic import shapes, solids
from leadline.data.synthetic.render import Camera, Renderer
from leadline.data.synthetic.scene import Air, Assembly, Light, Material, Scene, random_material
from leadline.data.synthetic.sensor import encode, exposure_gain
from leadline.data.synthetic.textures import TextureBank, household_bank
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.robotics.simulation.bodies import NOWHERE_M, Bodies
from leadline.robotics.simulation.learned_eye import IMAGE_CAMERA, LoopErrors

RIGHT_DOWN_AHEAD: Final = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Takes x ahead, y left, z up of the flights to x right, y down, z ahead of the renderer."""
_METRES_PER_PX: Final = 0.004
_WIDE_M: Final = 40.0
_EXPOSURE: Final = 0.45
_LAMPS: Final = ((1.0, 1.5), (6.0, -1.5), (10.0, 1.0))
"""x and y of the lamps."""


@dataclass
class FlightPainter:
    """Images that cameras of robots see. Materials and light of a world follow from its number.

    Glass is left out: a camera looks through it. What walks is placed anew for each image.

    Args:
        numbers: Of the worlds.
        camera: Of the images; square pixels.
        bank: The tiles; the household bank if absent.
    """

    numbers: Sequence[int]
    camera: Pinhole
    bank: TextureBank = field(default_factory=household_bank, repr=False)
    _kept: dict[int, tuple[np.ndarray, Renderer]] = field(
        default_factory=lambda: dict[int, tuple[np.ndarray, Renderer]](), init=False, repr=False
    )

    def image(
        self, robot: int, bodies: Bodies, place_m: Float[np.ndarray, "3"], axes: Float64[np.ndarray, "3 3"]
    ) -> UInt8[np.ndarray, "h w 3"]:
        """What a robot's camera sees.

        Args:
            robot: Its number among `numbers`.
            bodies: Of its world alone, now.
            place_m: Of its camera, in the frame of the flights.
            axes: Rows are the camera's right, down and ahead, in that frame.
        """
        renderer, camera = self._renderer_of(robot, bodies), self._posed(place_m, axes)
        colour = renderer.view(camera).colour
        return encode(colour * exposure_gain(colour, _EXPOSURE))

    def depth(
        self, robot: int, bodies: Bodies, place_m: Float[np.ndarray, "3"], axes: Float64[np.ndarray, "3 3"]
    ) -> Float32[np.ndarray, "h w"]:
        """Depth of the image along the optical axis, metres; inf in the sky.

        Args:
            robot: As for `image`.
            bodies: Likewise.
            place_m: Likewise.
            axes: Likewise.
        """
        hits = self._renderer_of(robot, bodies).geometry(self._posed(place_m, axes))
        return hits.depth.reshape(self.camera.height, self.camera.width)

    def _posed(self, place_m: Float[np.ndarray, "3"], axes: Float64[np.ndarray, "3 3"]) -> Camera:
        rotation = (RIGHT_DOWN_AHEAD @ axes.T).astype(np.float32)
        centre = (self.camera.center_x_px, self.camera.center_y_px)
        size = (self.camera.height, self.camera.width)
        return Camera(size, self.camera.focal_x_px, centre, rotation, (RIGHT_DOWN_AHEAD @ place_m).astype(np.float32))

    def _renderer_of(self, robot: int, bodies: Bodies) -> Renderer:
        """The robot's world as it is now: built once where nothing walks."""
        known = self._kept.get(robot)
        if known is None or not np.array_equal(known[0], bodies.poles[0]):
            known = (bodies.poles[0].copy(), self._renderer(self.numbers[robot], bodies))
            self._kept[robot] = known
        return known[1]

    def _renderer(self, number: int, bodies: Bodies) -> Renderer:
        rng = np.random.default_rng([number, 7])
        parts = Assembly()

        def add(mesh: shapes.Mesh, turn_rad: float, centre: np.ndarray) -> None:
            sine, cosine = np.sin(turn_rad), np.cos(turn_rad)
            turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
            rotation = RIGHT_DOWN_AHEAD @ turn @ RIGHT_DOWN_AHEAD.T
            parts.add(mesh, rotation, np.ones(3), RIGHT_DOWN_AHEAD @ centre, self._look(rng))

        add(_block(_WIDE_M, _WIDE_M, 0.1), 0.0, np.array([0.0, 0.0, -0.1]))
        ceiling = float(bodies.ceiling_m[0])
        if np.isfinite(ceiling):
            add(_block(_WIDE_M, _WIDE_M, 0.1), 0.0, np.array([0.0, 0.0, ceiling + 0.1]))
        for row in bodies.boxes[0]:
            look_through = row[8] > 0.5 or row[0] == NOWHERE_M
            if not look_through:
                add(_block(*row[3:6]), float(row[6]), row[:3])
        for row in bodies.poles[0]:
            if row[0] > 0.5 * NOWHERE_M:
                add(solids.cylinder(row[2], row[3], row[4]), 0.0, np.array([row[0], row[1], 0.0]))
        for row in bodies.balls[0]:
            if row[0] != NOWHERE_M:
                add(_sphere(float(row[3])), 0.0, row[:3])
        return Renderer(_scene(parts, rng, self.bank, ceiling), self.bank)

    def _look(self, rng: np.random.Generator) -> Material:
        return random_material(rng, self.bank, _METRES_PER_PX)


@dataclass
class FlightCameras:
    """A camera on each robot and a network that looks through it: an `ImageDepth`.

    Args:
        numbers: Of the worlds.
        network: Gives relative depth of an image.
        errors: Takes what is wrong with the depth.
    """

    numbers: Sequence[int]
    network: Callable[[UInt8[np.ndarray, "h w 3"]], DepthMap]
    errors: LoopErrors = field(default_factory=LoopErrors)

    def __post_init__(self) -> None:
        """Makes the painter."""
        self._painter = FlightPainter(self.numbers, IMAGE_CAMERA)

    def see(
        self, robot: int, bodies: Bodies, place_m: np.ndarray, axes: Float64[np.ndarray, "3 3"]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], DepthMap]:
        """As of `ImageDepth`."""
        image = self._painter.image(robot, bodies, place_m, axes)
        return image, self.network(image)


def _block(ahead: float, left: float, up: float) -> shapes.Mesh:
    """A box from its half sizes in the frame of the flights."""
    return shapes.boxes(np.zeros((1, 3)), 2.0 * np.array([[left, up, ahead]]))


def _sphere(radius: float, steps: int = 13) -> shapes.Mesh:
    angles = np.linspace(0.0, np.pi, steps)
    return solids.turned([(radius * float(np.sin(a)), -radius * float(np.cos(a))) for a in angles], soft=True)


def _scene(parts: Assembly, rng: np.random.Generator, bank: TextureBank, ceiling_m: float) -> Scene:
    """The scene of an assembly, with three lamps below the ceiling or the sun."""
    lamps: list[Light] = []
    if np.isfinite(ceiling_m):
        for x, y in _LAMPS:
            place = RIGHT_DOWN_AHEAD @ np.array([x, y, ceiling_m - 0.2])
            colour = (rng.uniform(0.4, 0.9) * (1.0 - 0.15 * rng.random(3))).astype(np.float32)
            lamps.append(Light(place.astype(np.float32), colour, False, 3.0, 2.0))
    else:
        towards = RIGHT_DOWN_AHEAD @ np.array([-0.3, 0.5, 0.8])
        towards /= np.linalg.norm(towards)
        lamps.append(Light(towards.astype(np.float32), np.full(3, 0.8, np.float32), True, 1.0, 1.0))
    up, sky = np.full(3, 0.35, np.float32), int(rng.choice(bank.groups["sky"]))
    air = Air(up, up * np.float32(0.6), sky, np.ones(3, np.float32), 0.0, np.full(3, 0.7, np.float32))
    arrays = parts.arrays()
    return Scene(
        **arrays,
        lights=tuple(lamps),
        air=air,
        world_from_camera=np.eye(3, dtype=np.float32),
        hfov_rad=1.0,
        largest_disparity_px=0.0,
        name="flight",
    )
