"""Meshes of depth maps, counted by hand, and GLB files as another library reads them."""

import numpy as np
import pytest
import trimesh

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.mesh import mesh_from_depth
from leadline.io.glb import write_glb

CAMERA = Pinhole(10.0, 10.0, 2.0, 1.0, 3, 5)


def test_a_step_of_depth_is_not_bridged():
    depth = np.full((3, 5), 2.0)
    depth[:, 3:] = 4.0
    mesh = mesh_from_depth(depth, np.ones((3, 5), bool), CAMERA)
    # Two cells across and one behind the step, two down, two triangles each.
    assert len(mesh.faces) == (2 + 1) * 2 * 2
    assert len(mesh.points) == 15
    assert len(mesh_from_depth(depth, np.ones((3, 5), bool), CAMERA, max_edge_ratio=1.0).faces) == 4 * 2 * 2


def test_unknown_pixels_leave_a_hole():
    valid = np.ones((3, 5), bool)
    valid[0, 0] = False
    mesh = mesh_from_depth(np.full((3, 5), 2.0), valid, CAMERA)
    # One triangle of the corner's cell has the unknown pixel, the other does not.
    assert (len(mesh.faces), len(mesh.points)) == (15, 14)


def test_triangles_face_the_camera():
    mesh = mesh_from_depth(np.full((3, 5), 2.0), np.ones((3, 5), bool), CAMERA)
    a, b, c = (mesh.points[mesh.faces[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - a)[:, 2] < 0).all()  # towards the camera, which looks along +z


def test_large_images_are_thinned():
    mesh = mesh_from_depth(np.full((1200, 1600), 2.0), np.ones((1200, 1600), bool), CAMERA.scaled(1200, 1600))
    assert len(mesh.points) == 600 * 800


def test_a_glb_is_what_another_library_reads(tmp_path):
    image = np.zeros((3, 5, 3), np.uint8)
    image[..., 0] = 200
    mesh = mesh_from_depth(np.full((3, 5), 2.0), np.ones((3, 5), bool), CAMERA)
    write_glb(tmp_path / "mesh.glb", mesh, image)
    (read,) = trimesh.load(tmp_path / "mesh.glb").geometry.values()
    # y up and z backwards: the pixel (0, 0) is 0.4 m to the left, 0.2 m up, 2 m ahead.
    np.testing.assert_allclose(read.vertices[0], [-0.4, 0.2, -2.0], atol=1e-6)
    assert len(read.faces) == 16
    np.testing.assert_allclose(read.visual.uv[0], [0.1, 1.0 - 0.5 / 3.0], atol=1e-6)  # its v runs upwards
    assert abs(int(np.asarray(read.visual.material.baseColorTexture.convert("RGB"))[1, 2, 0]) - 200) < 8


def test_a_mesh_of_nothing_is_refused(tmp_path):
    mesh = mesh_from_depth(np.full((3, 5), 2.0), np.zeros((3, 5), bool), CAMERA)
    with pytest.raises(InputError, match="known nowhere"):
        write_glb(tmp_path / "mesh.glb", mesh, np.zeros((3, 5, 3), np.uint8))
    assert not list(tmp_path.iterdir())
