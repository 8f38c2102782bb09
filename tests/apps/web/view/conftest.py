"""A stereo result whose numbers are known, as files."""

import json
import struct

import numpy as np
import pytest

from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap
from leadline.results.stereo import describe_rig, write_result

pytest.importorskip("starlette", reason="the page needs leadline[web]")

HEIGHT, WIDTH = 48, 64
FOCAL_PX, BASELINE_M = 100.0, 0.1


class Packet:
    """A frame of the server, read as docs of `packet` say: by hand."""

    def __init__(self, content):
        assert content[:4] == b"LLV1"
        (length,) = struct.unpack("<I", content[4:8])
        self.head = json.loads(content[8 : 8 + length])
        self._body = content[8 + length :]

    def bytes(self, place):
        return self._body[place[0] : place[0] + place[1]]

    def layer(self, name):
        found = next(layer for layer in self.head["layers"] if layer["id"] == name)
        dtype = {"f32": "<f4", "u8": "u1"}[found["form"]]
        values = np.frombuffer(self.bytes(found["at"]), dtype)
        return values.reshape(self.head["height"], self.head["width"])

    @property
    def names(self):
        return [layer["id"] for layer in self.head["layers"]]


@pytest.fixture(scope="session")
def unpack():
    return Packet


@pytest.fixture(scope="session")
def scene():
    """A wall at 5 m (disparity 2 px) before which a square stands at 2.5 m (4 px); the last column is not valid."""
    disparity = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    disparity[12:36, 16:40] = 4.0
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[:, -1] = False
    confidence = np.where(disparity > 3, np.float32(0.9), np.float32(0.5))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = np.arange(WIDTH) * 4
    image[..., 2] = 200
    return image, DisparityMap(disparity, valid, confidence)


@pytest.fixture
def write(tmp_path, scene, write_image):
    """Writes the scene as `leadline stereo` does, and returns the folder."""
    rig = StereoRig.from_focal(HEIGHT, WIDTH, FOCAL_PX, BASELINE_M)

    def written(name="result", gain=1.0, with_image=True):
        image, found = scene
        path = write_image(tmp_path / "images" / "left.png", image)
        write_image(tmp_path / "images" / "right.png", np.roll(image, -2, axis=1))
        disparity = DisparityMap(found.disparity * np.float32(gain), found.valid, found.confidence)
        summary = {"model": "mine", "height": HEIGHT, "width": WIDTH, "rig": describe_rig(rig), "seconds": 0.25}
        if with_image:
            summary |= {"left": str(path), "right": str(path.parent / "right.png")}
        write_result(tmp_path / name, image, disparity, rig, summary)
        return tmp_path / name

    return written
