"""Packages of assets: what is found, how models and skies are read, and how worlds use them."""

import base64
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.data.assets import catalog, models, skies
from leadline.data.assets.models import ModelEntry, list_models, load_model
from leadline.data.synthetic.render import Camera, Renderer
from leadline.data.synthetic.scene import Air, Assembly, Scene
from leadline.data.synthetic.shelf import Shelf, installed_shelf
from leadline.data.synthetic.stereo import render_stereo
from leadline.data.synthetic.textures import TextureBank
from leadline.errors import InputError, MissingExtraError

trimesh = pytest.importorskip("trimesh", reason='no trimesh: pip install "leadline[assets]"')

CATALOGUE = """
id=Test#Models
id#1=Test#panel
name#1=Folding table
creator#1=Somebody
category#1=Living room
model#1=/test/panel/panel.obj
width#1=80
depth#1=60
height#1=120.0
id#2=Test#lamp
name#2=Lamp
creator#2=Somebody Else
category#2=Lights
model#2=/test/panel/panel.obj
width#2=20
depth#2=20
height#2=30
elevation#2=150
id#3=Test#broken
name#3=No size
model#3=/test/panel/panel.obj
"""
# Two triangles that face +z, the front of furniture: red at the left, blue at the right; and a pane of glass.
OBJECT = """
mtllib panel.mtl
v 0 0 1
v 2 0 1
v 2 4 1
v 0 4 1
v 0 0 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl painted
f 1/1 2/2 3/3
f 1/1 3/3 4/4
usemtl plain
f 1 2 5
usemtl glass
f 2 3 5
"""
MATERIALS = """
newmtl painted
Kd 1 1 1
map_Kd picture.png
newmtl plain
Kd 0 0.5 0
newmtl glass
Kd 1 1 1
d 0.2
"""


def picture() -> bytes:
    """Red on the left, blue on the right; the upper half is darker."""
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, :4, 2], image[:, 4:, 0] = 200, 200
    image[:4] //= 2
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of models in the layout of Sweet Home 3D, and none of those that this machine has."""
    path = tmp_path / "share" / "BlendSwap-CC-BY.sh3f"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", CATALOGUE)
        archive.writestr("test/panel/panel.obj", OBJECT)
        archive.writestr("test/panel/panel.mtl", MATERIALS)
        archive.writestr("test/panel/picture.png", picture())
    monkeypatch.setenv(catalog.FOLDERS_VARIABLE, str(tmp_path / "share"))
    monkeypatch.setattr(catalog, "_usual_folder", lambda place: [])
    installed_shelf.cache_clear()
    yield path
    installed_shelf.cache_clear()


def test_a_library_is_found_and_listed(library: Path, capsys: pytest.CaptureFixture[str]):
    assert catalog.installed_packs("models") == {"blendswap-cc-by": [library]}
    lamp, panel = list_models("blendswap-cc-by", [library])
    assert (panel.key, panel.title, panel.creator, panel.size_m) == (
        "panel",
        "Folding table",
        "Somebody",
        (0.8, 1.2, 0.6),
    )
    assert (lamp.raised, panel.raised) == (True, False)
    assert main(["data", "assets"]) == 0
    assert "CC BY 3.0" in capsys.readouterr().out
    assert main(["data", "assets", "--credit"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("by Somebody, Somebody Else; CC BY 3.0; sweethome3d.com/importModels.jsp")


def test_a_model_stands_upright_in_its_real_size(library: Path):
    """The pane of glass is left out; what was at the top is at negative y, and the front is towards -z."""
    parts = load_model(list_models("blendswap-cc-by", [library])[1])
    painted, plain = sorted(parts, key=lambda part: part.texture is None)
    every = np.concatenate([painted.vertices, plain.vertices])
    np.testing.assert_allclose(every.min(axis=0), [-0.4, -1.2, -0.3], atol=1e-6)
    np.testing.assert_allclose(every.max(axis=0), [0.4, 0.0, 0.3], atol=1e-6)
    np.testing.assert_allclose(painted.vertices[:, 2], -0.3, atol=1e-6)
    assert plain.texture is None
    np.testing.assert_allclose(plain.colour, (0, 0.5, 0), atol=0.005)
    # The image's top left is the mesh's upper left corner.
    assert painted.texture is not None
    assert painted.uv is not None
    np.testing.assert_array_equal(painted.texture[10, 10], [100, 0, 0])
    (top_left,) = painted.vertices[(painted.uv == 0).all(axis=1)]
    np.testing.assert_allclose(top_left, [-0.4, -1.2, -0.3], atol=1e-6)


def test_a_textured_mesh_shows_its_image(library: Path, bank: TextureBank):
    """Seen from the front from 2 m away: red at the left, blue at the right, darker above."""
    thing = Shelf(list_models("blendswap-cc-by", [library])).draw(np.random.default_rng(0), "floor")
    assert thing is not None
    assert (thing.width_m, thing.height_m) == (pytest.approx(0.8), pytest.approx(1.2))
    parts = Assembly()
    for mesh, look in thing.parts:
        parts.add(mesh, np.eye(3), np.ones(3), np.array([0.0, 0.6, 2.3]), look)
    dark, white = np.zeros(3, np.float32), np.ones(3, np.float32)
    air = Air(white, white, int(bank.groups["sky"][0]), dark, 0.0, dark)
    scene = Scene(**parts.arrays(), lights=(), air=air, world_from_camera=np.eye(3, dtype=np.float32), hfov_rad=1.0,
                  largest_disparity_px=0.0, name="test")  # fmt: skip
    camera = Camera((60, 40), 95.0, (19.5, 29.5), np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    seen = Renderer(scene, bank).view(camera).colour
    # A tile's value c is a reflectance of c squared, at least 0.02 squared.
    np.testing.assert_allclose(seen[45, 8], [(200 / 255) ** 2, 0.0004, 0.0004], atol=0.01)
    np.testing.assert_allclose(seen[45, 31], [0.0004, 0.0004, (200 / 255) ** 2], atol=0.01)
    np.testing.assert_allclose(seen[15, 8], [(100 / 255) ** 2, 0.0004, 0.0004], atol=0.01)


@pytest.mark.slow
def test_rooms_with_models_are_the_same_each_time(library: Path):
    rooms = [render_stereo(seed, (64, 96), worlds="assets") for seed in range(1, 9)]
    used = [rig.notes().get("models") for _, rig in rooms]
    assert ("blendswap-cc-by/panel",) in used
    assert None in used  # a world without rooms has no models
    place = used.index(("blendswap-cc-by/panel",))
    again = render_stereo(place + 1, (64, 96), worlds="assets")[0]
    np.testing.assert_array_equal(again.left, rooms[place][0].left)


def test_gltf_files_are_read(tmp_path: Path):
    box = trimesh.creation.box((2.0, 4.0, 6.0))
    path = tmp_path / "box.glb"
    path.write_bytes(trimesh.Scene(box).export(file_type="glb"))
    (part,) = load_model(ModelEntry("pybullet", "box", "box", "", "", None, path))
    np.testing.assert_allclose(part.vertices.min(axis=0), [-1, -4, -3], atol=1e-6)
    np.testing.assert_allclose(part.vertices.max(axis=0), [1, 0, 3], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "1 to 60000 faces that are not clear in .*bad.obj"), (b"v 0 0\nf 1 2 3\n", "could not read it|got 0")],
)
def test_models_that_make_no_sense_are_refused(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "bad.obj"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_model(ModelEntry("pybullet", "bad", "bad", "", "", None, path))


def test_what_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Path):
    library.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"expected a library of Sweet Home 3D at .*BlendSwap-CC-BY.sh3f"):
        list_models("blendswap-cc-by", [library])
    with pytest.raises(InputError, match=r"one of blendswap-cc0, .*; got 'no'"):
        catalog.asset_pack("no")
    monkeypatch.setenv(catalog.FOLDERS_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"expected an installed package of models .* LEADLINE_ASSETS"):
        installed_shelf()
    monkeypatch.setitem(__import__("sys").modules, "trimesh", None)
    with pytest.raises(MissingExtraError, match=r"package trimesh to read models, .*leadline\[assets\]"):
        load_model(ModelEntry("pybullet", "bad", "bad", "", "", None, tmp_path / "bad.obj"))


def test_an_archive_that_unpacks_to_too_much_is_refused(library: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "_MOST_FILE_BYTES", 10)
    with pytest.raises(InputError, match="at most 10 bytes"):
        load_model(list_models("blendswap-cc-by", [library])[1])


def test_skies(tmp_path: Path):
    """The sky brightens towards the zenith; what lies below the horizon is not part of the tile."""
    panorama = np.zeros((32, 64, 3), np.float32)
    panorama[:16] = np.linspace(4.0, 1.0, 16)[:, None, None]
    (tmp_path / "sky.hdr").write_bytes(cv2.imencode(".hdr", panorama)[1].tobytes())
    read = skies.read_panorama(tmp_path / "sky.hdr")
    np.testing.assert_allclose(read, panorama, rtol=0.02, atol=1e-3)
    tile = skies.sky_tile(read)
    assert tile.shape == (512, 512, 3)
    assert (np.diff(tile[20:, 0, 0].astype(int)) >= 0).all()
    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(picture())
    with pytest.raises(InputError, match=r"twice as wide as high at .*wrong.png, got 8x8"):
        skies.read_panorama(wrong)
    wrong.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"expected a panorama at .*wrong.png, could not read it: it is no image"):
        skies.read_panorama(wrong)


def test_skies_of_openexr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "sky.exr.js"
    path.write_text('export default "data:application/exr;base64,' + base64.b64encode(b"damaged").decode() + '"')
    with monkeypatch.context() as patched:
        patched.setitem(__import__("sys").modules, "OpenEXR", None)
        with pytest.raises(MissingExtraError, match=r"package OpenEXR to read this sky"):
            skies.read_panorama(path)
    openexr = pytest.importorskip("OpenEXR", reason='no OpenEXR: pip install "leadline[assets]"')
    with pytest.raises(InputError, match=r"expected a panorama at .*sky.exr.js, could not read it"):
        skies.read_panorama(path)
    image = np.random.default_rng(0).random((4, 8, 3), np.float32)
    openexr.File({}, {"RGB": image}).write(str(tmp_path / "sky.exr"))
    np.testing.assert_allclose(skies.read_panorama(tmp_path / "sky.exr"), image, atol=1e-3)
