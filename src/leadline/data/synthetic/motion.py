"""A scene in motion: where its camera and its bodies are at any time, and the scene as it stands then.

Time is counted in frames; at time 0 everything is where the scene has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import final

import cv2
import numpy as np
from jaxtyping import Float, Float64

from leadline.data.synthetic.render import Camera, RollingShutter
from leadline.data.synthetic.scene import Light, Scene


@dataclass(frozen=True)
class RigidMotion:
    """Even motion: every frame a shift, and a turn about a point that is carried along.

    Attributes:
        centre_m: The point, at time 0.
        velocity_m: Its shift a frame.
        spin_rad: Turn a frame, as axis times angle.
    """

    centre_m: Float[np.ndarray, "3"]
    velocity_m: Float[np.ndarray, "3"]
    spin_rad: Float[np.ndarray, "3"]

    def at(self, time: float) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
        """Rotation R and shift t that take a point x of time 0 to R x + t.

        Example:
            >>> quarter = RigidMotion(np.zeros(3), np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, np.pi / 2]))
            >>> rotation, shift = quarter.at(1.0)
            >>> np.rint(rotation @ [1.0, 0.0, 0.0] + shift).tolist()
            [1.0, 1.0, 0.0]
        """
        rotation = turn(np.asarray(self.spin_rad, np.float64) * time)
        centre = np.asarray(self.centre_m, np.float64)
        return rotation, centre + np.asarray(self.velocity_m, np.float64) * time - rotation @ centre


@final
@dataclass(frozen=True)
class SwayingMotion:
    """Even motion with a sway of its speed and direction, as of a hand, a drone, or a car in traffic.

    Attributes:
        even: The motion without the sway.
        sway_m: Amplitude of the shift that is added.
        sway_rad: Amplitude of the turn that is added, as axis times angle.
        period: Frames of one sway.
        phase_rad: Where in the sway time 0 is.
    """

    even: RigidMotion
    sway_m: Float[np.ndarray, "3"]
    sway_rad: Float[np.ndarray, "3"]
    period: float
    phase_rad: float

    def at(self, time: float) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
        """Rotation R and shift t that take a point x of time 0 to R x + t.

        Example:
            >>> ahead = RigidMotion(np.zeros(3), np.array([0.0, 0.0, 1.0]), np.zeros(3))
            >>> motion = SwayingMotion(ahead, np.array([1.0, 0.0, 0.0]), np.zeros(3), period=4.0, phase_rad=0.0)
            >>> [np.rint(motion.at(time)[1]).tolist() for time in (0.0, 1.0, 2.0)]
            [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 2.0]]
        """
        sway = np.sin(2 * np.pi * time / self.period + self.phase_rad) - np.sin(self.phase_rad)
        rotation = turn(np.asarray(self.even.spin_rad, np.float64) * time + np.asarray(self.sway_rad) * sway)
        centre = np.asarray(self.even.centre_m, np.float64)
        shift = np.asarray(self.even.velocity_m, np.float64) * time + np.asarray(self.sway_m, np.float64) * sway
        return rotation, centre + shift - rotation @ centre


@final
@dataclass(frozen=True)
class HingedMotion:
    """Motion of a limb: it turns about a hinge of the body that carries it.

    Attributes:
        carrier: Motion of that body.
        hinge: The limb's own motion on the body, as the body stands at time 0.
    """

    carrier: RigidMotion
    hinge: RigidMotion

    def at(self, time: float) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
        """Rotation R and shift t that take a point x of time 0 to R x + t.

        Example:
            >>> carried = RigidMotion(np.zeros(3), np.array([0.0, 0.0, 5.0]), np.zeros(3))
            >>> swing = RigidMotion(np.array([1.0, 0.0, 0.0]), np.zeros(3), np.array([0.0, 0.0, np.pi]))
            >>> rotation, shift = HingedMotion(carried, swing).at(1.0)
            >>> np.rint(rotation @ [3.0, 0.0, 0.0] + shift).tolist()
            [-1.0, 0.0, 5.0]
        """
        (rotation, shift), (own_rotation, own_shift) = self.carrier.at(time), self.hinge.at(time)
        return rotation @ own_rotation, rotation @ own_shift + shift


@final
@dataclass(frozen=True)
class BendingMotion:
    """Motion of a body that bends: a wave runs through it, and rigid motion carries the whole.

    At time t a point x has moved by a (sin(k . x + p + w t) - sin(k . x + p)) before the whole is carried on.

    Attributes:
        even: Rigid motion of the whole.
        amplitude_m: a.
        wave_rad_per_m: k; its length times that of a stays below 1/2, so that nothing folds over.
        phase_rad: p.
        rate_rad: w, a frame.
    """

    even: RigidMotion
    amplitude_m: Float[np.ndarray, "3"]
    wave_rad_per_m: Float[np.ndarray, "3"]
    phase_rad: float
    rate_rad: float

    def at(self, time: float) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
        """Rotation R and shift t that take a point x, bent as at that time, to R x + t."""
        return self.even.at(time)

    def bent(self, points_m: Float[np.ndarray, "n 3"], time: float) -> Float64[np.ndarray, "n 3"]:
        """Where the wave has taken points of time 0.

        Example:
            >>> wave = BendingMotion(
            ...     RigidMotion(*np.zeros((3, 3))), np.array([0.0, 0.1, 0.0]), np.array([1.0, 0.0, 0.0]), 0.0, np.pi / 2
            ... )
            >>> wave.bent(np.array([[0.0, 0.0, 2.0], [np.pi, 0.0, 2.0]]), 1.0).round(3).tolist()
            [[0.0, 0.1, 2.0], [3.142, -0.1, 2.0]]
        """
        phase = points_m @ np.asarray(self.wave_rad_per_m, np.float64) + self.phase_rad
        wave = np.sin(phase + self.rate_rad * time) - np.sin(phase)
        return points_m + wave[:, None] * np.asarray(self.amplitude_m, np.float64)

    def bent_normals(
        self, normals: Float[np.ndarray, "n 3"], points_m: Float[np.ndarray, "n 3"], time: float
    ) -> Float64[np.ndarray, "n 3"]:
        """Unit normals at points of time 0 after the bending: those times the inverse transposed Jacobian I + a b'."""
        wave, along = np.asarray(self.wave_rad_per_m, np.float64), np.asarray(self.amplitude_m, np.float64)
        phase = points_m @ wave + self.phase_rad
        slope = (np.cos(phase + self.rate_rad * time) - np.cos(phase))[:, None] * wave
        turned = normals - slope * ((normals @ along) / (1.0 + slope @ along))[:, None]
        return turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)


BodyMotion = RigidMotion | HingedMotion | BendingMotion
"""How a body moves by itself."""


def turn(axis_angle_rad: Float[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation about an axis by its length.

    Source: Rodrigues 1840, as OpenCV has it.
    """
    return np.asarray(cv2.Rodrigues(np.asarray(axis_angle_rad, np.float64))[0])


@final
@dataclass(frozen=True)
class MovingScene:
    """A scene with the motion of its camera, bodies and lights: all that a sequence of frames shows.

    Attributes:
        scene: How it stands at time 0.
        camera: The camera at time 0.
        path: The camera's motion in the world; its centre is the optical centre.
        bodies: Motion of the bodies that move, by their numbers in ``scene.bodies``.
        lights: Motion of the lights that move, by their places in ``scene.lights``; a sun only turns.
        readout: Share of a frame's time between the exposure of an image's first row and that of its last, the frame's
            own time being that of the middle row; 0 exposes all at once. It is the camera that moves meanwhile; bodies
            stand as at the frame's own time.
    """

    scene: Scene
    camera: Camera
    path: RigidMotion | SwayingMotion
    bodies: Mapping[int, BodyMotion]
    lights: Mapping[int, RigidMotion] = field(default_factory=dict[int, RigidMotion])
    readout: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether the scene itself changes, not only the camera's place in it."""
        return bool(self.bodies or self.lights)

    def camera_at(self, time: float) -> Camera:
        """The camera at a time."""
        rotation, shift = self.path.at(time)
        return replace(
            self.camera,
            world_from_camera=(rotation @ self.camera.world_from_camera).astype(np.float32),
            position_m=(rotation @ self.camera.position_m + shift).astype(np.float32),
            rolling=self._rolling(time) if self.readout > 0 else None,
        )

    def _rolling(self, time: float) -> RollingShutter:
        (start, start_shift), (end, end_shift) = (self.path.at(time + side * self.readout) for side in (-0.5, 0.5))
        moved = (end - start) @ self.camera.position_m + end_shift - start_shift
        turned = cv2.Rodrigues(end @ start.T)[0].ravel()
        return RollingShutter(moved.astype(np.float32), turned.astype(np.float32))

    def transforms(self, time: float) -> tuple[Float64[np.ndarray, "n 3 3"], Float64[np.ndarray, "n 3"]]:
        """For each object the rotation and shift that take its points of time 0 to where they are at a time."""
        count = len(self.scene.bodies)
        rotations, shifts = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
        for body, motion in self.bodies.items():
            rotations[self.scene.bodies == body], shifts[self.scene.bodies == body] = motion.at(time)
        return rotations, shifts

    def scene_at(self, time: float) -> Scene:
        """The scene at a time; its triangles keep their numbers."""
        if time == 0 or not self.changes:
            return self.scene
        scene = replace(self.scene, lights=self._lights_at(time))
        rotations, shifts = self.transforms(time)
        owner = scene.face_chart // 3
        faces = np.flatnonzero(np.isin(scene.bodies, list(self.bodies))[owner])
        corners, first = np.unique(scene.faces[faces], return_index=True)
        vertex_owner = owner[faces[first // 3]]
        vertices, normals, facets = scene.vertices.copy(), scene.normals.copy(), scene.facets.copy()
        bending = self._bend(time, vertices, normals, facets)
        vertices[corners] = _turned(rotations[vertex_owner], vertices[corners]) + shifts[vertex_owner]
        normals[corners] = _turned(rotations[vertex_owner], normals[corners])
        facets[faces] = _turned(rotations[owner[faces]], facets[faces])
        moved = replace(scene, vertices=vertices, normals=normals, facets=facets)
        if bending:
            return replace(moved, rest=scene.vertices)
        return replace(moved, charts=_moved_charts(scene.charts, rotations, shifts))

    def _bend(self, time: float, vertices: np.ndarray, normals: np.ndarray, facets: np.ndarray) -> bool:
        """Bends what bends, in place, before it is carried on; whether anything does."""
        scene = self.scene
        bending = {body: motion for body, motion in self.bodies.items() if isinstance(motion, BendingMotion)}
        for body, motion in bending.items():
            faces = np.flatnonzero(scene.bodies[scene.face_chart // 3] == body)
            corners = np.unique(scene.faces[faces])
            points = scene.vertices[corners].astype(np.float64)
            vertices[corners] = motion.bent(points, time)
            normals[corners] = motion.bent_normals(scene.normals[corners], points, time)
            a, b, c = (vertices[scene.faces[faces, k]].astype(np.float64) for k in range(3))
            flat = np.cross(b - a, c - a)
            facets[faces] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-20)
        return bool(bending)

    def _lights_at(self, time: float) -> tuple[Light, ...]:
        lights = list(self.scene.lights)
        for number, motion in self.lights.items():
            rotation, shift = motion.at(time)
            place = rotation @ lights[number].place + (0.0 if lights[number].is_sun else shift)
            lights[number] = replace(lights[number], place=place.astype(np.float32))
        return tuple(lights)


def _turned(rotations: Float64[np.ndarray, "n 3 3"], vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return np.einsum("nij,nj->ni", rotations, vectors)


def _moved_charts(
    charts: Float[np.ndarray, "c 16"], rotations: Float64[np.ndarray, "n 3 3"], shifts: Float64[np.ndarray, "n 3"]
) -> Float[np.ndarray, "c 16"]:
    """Charts that give a moved point the place on the tile that it had: a . x + b = (R a) . x' + b - (R a) . t."""
    rotations, shifts = np.repeat(rotations, 3, axis=0), np.repeat(shifts, 3, axis=0)
    moved = charts.astype(np.float64)
    for start in (0, 4, 8, 12):
        axis = np.einsum("nij,nj->ni", rotations, moved[:, start : start + 3])
        moved[:, start : start + 3] = axis
        moved[:, start + 3] -= np.einsum("ni,ni->n", axis, shifts)
    return moved.astype(np.float32)
