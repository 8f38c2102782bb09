"""What moves in further worlds beside rigid bodies: limbs, bodies that bend, lights, and rows exposed in turn."""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float64

from leadline.data.synthetic.motion import BendingMotion, BodyMotion, HingedMotion, MovingScene, RigidMotion
from leadline.data.synthetic.scene import Scene

#: How often a body with parts swings one, a body of many triangles bends, a light moves, and rows are exposed in turn.
_SWINGS: Final = 0.6
_BENDS: Final = 0.5
_LIGHTS_MOVE: Final = 0.35
_ROLLS: Final = 0.35
#: Angles of a swing and of a light's way around, a frame.
_SWING_RAD: Final = (0.02, 0.5)
_LIGHT_RAD: Final = (0.01, 0.25)
#: Bodies of fewer triangles have no shape to bend.
_FEWEST_FACES: Final = 60
#: Waves on a body, the share of its radius that they reach, and how far they run a frame.
_WAVES: Final = (0.3, 1.5)
_AMPLITUDE: Final = (0.02, 0.3)
_RATE_RAD: Final = (0.2, 2.0)
_STEEPEST: Final = 0.45
_READOUT: Final = (0.15, 0.9)


def with_further_motions(moving: MovingScene, rng: np.random.Generator) -> MovingScene:
    """A moving scene whose bodies also swing limbs or bend, with lights that move and a rolling shutter, as drawn.

    Args:
        moving: A scene in which rigid bodies move.
        rng: Where chance comes from.
    """
    scene, bodies = moving.scene, dict(moving.bodies)
    for body, motion in moving.bodies.items():
        assert isinstance(motion, RigidMotion), "only rigid bodies are given"
        faces = np.flatnonzero(scene.bodies[scene.face_chart // 3] == body)
        parts = np.unique(scene.face_chart[faces] // 3)
        if len(parts) > 1 and rng.random() < _SWINGS:
            scene, limb, hinge = _limb(scene, parts, rng)
            bodies[limb] = HingedMotion(motion, hinge)
        elif len(faces) >= _FEWEST_FACES and rng.random() < _BENDS:
            bodies[body] = _wave(scene.vertices[np.unique(scene.faces[faces])].astype(np.float64), motion, rng)
    lights = {0: _way_around(rng)} if scene.lights and rng.random() < _LIGHTS_MOVE else {}
    readout = float(rng.uniform(*_READOUT)) if rng.random() < _ROLLS else 0.0
    return replace(moving, scene=scene, bodies=bodies, lights=lights, readout=readout)


def slow_body(motion: BodyMotion, share: float) -> BodyMotion:
    """The same motion at a share of its speed.

    Example:
        >>> swing = RigidMotion(np.zeros(3), np.zeros(3), np.array([0.0, 0.4, 0.0]))
        >>> slow_body(HingedMotion(swing, swing), 0.5).hinge.spin_rad.tolist()
        [0.0, 0.2, 0.0]
    """
    if isinstance(motion, HingedMotion):
        return HingedMotion(slow_rigid(motion.carrier, share), slow_rigid(motion.hinge, share))
    if isinstance(motion, BendingMotion):
        return replace(motion, even=slow_rigid(motion.even, share), rate_rad=share * motion.rate_rad)
    return slow_rigid(motion, share)


def slow_rigid(motion: RigidMotion, share: float) -> RigidMotion:
    """The same rigid motion at a share of its speed."""
    return RigidMotion(motion.centre_m, share * motion.velocity_m, share * motion.spin_rad)


def _limb(scene: Scene, parts: np.ndarray, rng: np.random.Generator) -> tuple[Scene, int, RigidMotion]:
    """A part of a body made a body of its own, with its turn about the place where it is nearest to the rest."""
    boxes = [_box(scene, int(part)) for part in parts]
    sizes = np.array([np.linalg.norm(high - low) for low, high in boxes])
    chosen = int(rng.choice(np.flatnonzero(np.arange(len(parts)) != np.argmax(sizes))))
    rest = np.delete(np.arange(len(parts)), chosen)
    middle = np.mean([0.5 * (boxes[i][0] + boxes[i][1]) for i in rest], axis=0)
    low, high = boxes[chosen]
    axis = rng.normal(0, 1, 3)
    swing = float(np.exp(rng.uniform(*np.log(_SWING_RAD)))) * axis / np.linalg.norm(axis)
    limb = int(scene.bodies.max()) + 1
    bodies = np.where(np.arange(len(scene.bodies)) == parts[chosen], limb, scene.bodies).astype(np.int32)
    return replace(scene, bodies=bodies), limb, RigidMotion(np.clip(middle, low, high), np.zeros(3), swing)


def _box(scene: Scene, part: int) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    points = scene.vertices[scene.faces[scene.face_chart // 3 == part]].reshape(-1, 3).astype(np.float64)
    return points.min(axis=0), points.max(axis=0)


def _wave(points: Float64[np.ndarray, "n 3"], even: RigidMotion, rng: np.random.Generator) -> BendingMotion:
    """A wave whose length and height fit a body."""
    radius = max(0.5 * float(np.linalg.norm(points.max(axis=0) - points.min(axis=0))), 1e-6)
    wave, along = rng.normal(0, 1, (2, 3))
    wave *= np.pi * rng.uniform(*_WAVES) / radius / np.linalg.norm(wave)
    height = min(float(rng.uniform(*_AMPLITUDE)) * radius, _STEEPEST / float(np.linalg.norm(wave)))
    rate = float(np.exp(rng.uniform(*np.log(_RATE_RAD))))
    return BendingMotion(even, height * along / np.linalg.norm(along), wave, float(rng.uniform(0, 2 * np.pi)), rate)


def _way_around(rng: np.random.Generator) -> RigidMotion:
    """A light's turn about the place of the camera at time 0."""
    axis = rng.normal(0, 1, 3)
    angle = float(np.exp(rng.uniform(*np.log(_LIGHT_RAD))))
    return RigidMotion(np.zeros(3), np.zeros(3), angle * axis / np.linalg.norm(axis))
