"""A scene in motion: where its camera and its bodies are at any time, and the scene as it stands then.

Time is counted in frames; at time 0 everything is where the scene has it.
"""

from dataclasses import dataclass, replace
from typing import final

import cv2
import numpy as np
from jaxtyping import Float, Float64

from leadline.data.synthetic.render import Camera
from leadline.data.synthetic.scene import Scene


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


def turn(axis_angle_rad: Float[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotation about an axis by its length.

    Source: Rodrigues 1840, as OpenCV has it.
    """
    return np.asarray(cv2.Rodrigues(np.asarray(axis_angle_rad, np.float64))[0])


@final
@dataclass(frozen=True)
class MovingScene:
    """A scene with the motion of its camera and of its bodies: all that a sequence of frames shows.

    Attributes:
        scene: How it stands at time 0.
        camera: The camera at time 0.
        path: The camera's motion in the world; its centre is the optical centre.
        bodies: Motion of the bodies that move, by their numbers in ``scene.bodies``.
    """

    scene: Scene
    camera: Camera
    path: RigidMotion | SwayingMotion
    bodies: dict[int, RigidMotion]

    def camera_at(self, time: float) -> Camera:
        """The camera at a time."""
        rotation, shift = self.path.at(time)
        return replace(
            self.camera,
            world_from_camera=(rotation @ self.camera.world_from_camera).astype(np.float32),
            position_m=(rotation @ self.camera.position_m + shift).astype(np.float32),
        )

    def transforms(self, time: float) -> tuple[Float64[np.ndarray, "n 3 3"], Float64[np.ndarray, "n 3"]]:
        """For each object the rotation and shift that take its points of time 0 to where they are at a time."""
        count = len(self.scene.bodies)
        rotations, shifts = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
        for body, motion in self.bodies.items():
            rotations[self.scene.bodies == body], shifts[self.scene.bodies == body] = motion.at(time)
        return rotations, shifts

    def scene_at(self, time: float) -> Scene:
        """The scene at a time; its triangles keep their numbers."""
        scene = self.scene
        if time == 0 or not self.bodies:
            return scene
        rotations, shifts = self.transforms(time)
        owner = scene.face_chart // 3
        faces = np.flatnonzero(np.isin(scene.bodies, list(self.bodies))[owner])
        corners, first = np.unique(scene.faces[faces], return_index=True)
        vertex_owner = owner[faces[first // 3]]
        vertices, normals, facets = scene.vertices.copy(), scene.normals.copy(), scene.facets.copy()
        vertices[corners] = _turned(rotations[vertex_owner], vertices[corners]) + shifts[vertex_owner]
        normals[corners] = _turned(rotations[vertex_owner], normals[corners])
        facets[faces] = _turned(rotations[owner[faces]], facets[faces])
        charts = _moved_charts(scene.charts, rotations, shifts)
        return replace(scene, vertices=vertices, normals=normals, facets=facets, charts=charts)


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
