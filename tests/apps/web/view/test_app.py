import io

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from leadline.apps.web.view.app import STATIC, make_app
from leadline.apps.web.view.opening import open_sides
from leadline.errors import InputError
from leadline.io import read_pfm, read_ply
from leadline.maps import expected_error_px


@pytest.fixture
def client(write):
    with TestClient(make_app(open_sides(write())), base_url="http://127.0.0.1") as opened:
        yield opened


def _image(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def test_a_frame_has_the_numbers_of_the_folder(client, unpack, tmp_path):
    frame = unpack(client.get("/api/0/frames/0").content)
    assert (frame.head["width"], frame.head["height"], frame.head["kind"]) == (64, 48, "metric")
    assert frame.names == ["image", "depth", "error", "disparity", "confidence"]
    # Z = f b / d: 100 * 0.1 / 4 and 100 * 0.1 / 2.
    depth = frame.layer("depth")
    assert (depth[20, 20], depth[0, 0]) == (2.5, 5.0)
    np.testing.assert_array_equal(depth[:, :-1], read_pfm(tmp_path / "result" / "depth.pfm")[:, :-1])
    # dZ = Z^2 / (f b) dd.
    expected = 2.5**2 / 10.0 * expected_error_px(np.array([0.9]))[0]
    assert frame.layer("error")[20, 20] == pytest.approx(expected, rel=1e-6)
    assert frame.layer("disparity")[20, 20] == 4.0
    assert frame.layer("confidence")[20, 20] == round(0.9 * 255)
    flags = np.frombuffer(frame.bytes(frame.head["flags"]), np.uint8).reshape(48, 64)
    assert (flags[20, 20], flags[20, -1]) == (3, 0)
    shown = _image(frame.bytes(frame.head["layers"][0]["at"]))
    assert abs(int(shown[5, 30, 2]) - 120) < 12
    assert abs(int(shown[5, 30, 0]) - 200) < 12


def test_the_view_says_what_there_is(client):
    told = client.get("/api/view").json()
    assert told["sides"][0]["title"] == "result"
    assert ["method", "mine"] in told["sides"][0]["facts"]
    assert ["size", "64x48"] in told["sides"][0]["facts"]
    assert [moment["name"] for moment in told["moments"]] == ["result"]
    assert client.get("/api/0/frames/0/image.jpg").headers["content-type"] == "image/jpeg"


def test_files_are_made_by_the_writers(client, tmp_path):
    def saved(name, confidence=0.0):
        answer = client.get(f"/api/0/frames/0/files/{name}?min_confidence={confidence}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"] == f'attachment; filename="result_{name}"'
        path = tmp_path / name
        path.write_bytes(answer.content)
        return path

    assert read_pfm(saved("depth.pfm"))[20, 20] == 2.5
    assert np.isinf(read_pfm(tmp_path / "depth.pfm")[20, -1])
    assert saved("disparity.pfm").read_bytes() == (tmp_path / "result" / "disparity.pfm").read_bytes()
    assert _image(saved("depth_mm.png").read_bytes())[20, 20] == 2500
    assert _image(saved("disparity_256.png").read_bytes())[20, 20] == 4 * 256
    # Only the square is surer than 0.6.
    cloud = read_ply(saved("cloud.ply", 0.6))
    assert 22 * 22 <= len(cloud.points) <= 24 * 24
    assert set(cloud.points[:, 2]) == {2.5}
    assert saved("mesh.glb").read_bytes()[:4] == b"glTF"


def test_the_cloud_for_download_is_that_of_the_folder(client, tmp_path):
    ours = client.get("/api/0/frames/0/files/cloud.ply?min_confidence=0.5").content
    assert ours == (tmp_path / "result" / "cloud.ply").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/api/1/frames/0",
        "/api/0/frames/1",
        "/api/0/frames/-1",
        "/api/0/frames/x",
        "/api/0/frames/0/files/../../../../etc/passwd",
        "/api/0/frames/0/files/%2e%2e%2f%2e%2e%2fsummary.json",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fapp.py",
        "/static//etc/passwd",
        "/summary.json",
        "/api/live/none/files/depth.pfm",
    ],
)
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code in (404, 422)


def test_a_file_that_is_not_offered_is_named(client):
    answer = client.get("/api/0/frames/0/files/summary.json")
    assert answer.status_code == 422
    assert "expected one of disparity.pfm" in answer.json()["error"]


def test_a_limit_that_is_none_is_the_usual_one(client):
    for text in ("nan", "inf", "-3", "x", "7"):
        assert client.get(f"/api/0/frames/0/files/depth.pfm?min_confidence={text}").status_code == 200


def test_other_names_of_this_machine_are_refused(write):
    sides = open_sides(write())
    with TestClient(make_app(sides), base_url="http://evil.example") as client:
        assert client.get("/api/view").status_code == 400
    with TestClient(make_app(sides, hosts=()), base_url="http://robot.local") as client:
        assert client.get("/api/view").status_code == 200


def test_the_page_needs_no_network_and_is_small(client):
    policy = client.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 5_000_000
    for path in files:
        if path.suffix in (".html", ".css", ".js") and path.parent.name != "vendor":
            assert "://" not in path.read_text().replace("http://www.w3.org/2000/svg", "").replace("}://${", "")
    for path in files:
        assert client.get(f"/static/{path.relative_to(STATIC)}").status_code == 200
    assert "MIT License" in (STATIC / "vendor" / "three-LICENSE.txt").read_text()


def test_a_damaged_file_is_one_line(client, tmp_path, write):
    (tmp_path / "result" / "disparity.pfm").write_bytes(b"Pf\n64 48\n-1\n123")
    answer = client.get("/api/0/frames/0")
    assert answer.status_code == 422
    assert "it is cut off" in answer.json()["error"]


def test_two_results_are_two_sides(write, unpack):
    with TestClient(make_app(open_sides(write(), write("other", 2.0))), base_url="http://localhost") as client:
        assert [side["title"] for side in client.get("/api/view").json()["sides"]] == ["result", "other"]
        assert unpack(client.get("/api/1/frames/0").content).layer("depth")[20, 20] == 1.25


def test_results_of_other_sizes_are_not_compared(write, tmp_path):
    from leadline.io import write_pfm

    write_pfm(tmp_path / "small.pfm", np.ones((4, 5), np.float32))
    with pytest.raises(InputError, match=r"expected two results on one image, got 64x48 in .* and 5x4 in"):
        open_sides(write(), tmp_path / "small.pfm")


def test_files_that_make_no_file_say_why(write, tmp_path):
    from leadline.apps.web.view.downloads import make_file

    frame = open_sides(write())[0].load(0)
    with pytest.raises(InputError, match="expected a mesh with triangles, got none"):
        make_file(frame, "mesh.glb", 0.99)
    assert io.BytesIO(make_file(frame, "depth.pfm", 0.0)).read(2) == b"Pf"
