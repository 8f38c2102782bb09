"""Wrong Python types at the public names: one line that says what is wanted, never a TypeError from inside.

In a process of its own: within the tests beartype would speak first.
"""

import json
import subprocess
import sys

SCRIPT = """
import json, numpy as np, leadline as L
from leadline.geometry.camera import DistortedCamera
from leadline.geometry.rig import UnrectifiedRig
image = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
camera = L.Pinhole(50.0, 50.0, 47.0, 23.0, 48, 96)
rig = L.StereoRig(camera, camera, np.float32(0.1))
lens = DistortedCamera(camera, (), "radtan")
flat = L.DisparityMap(np.ones((48, 96), np.float32), np.ones((48, 96), bool))
calls = {}
wrong = {"text": "500", "none": None, "list": [500], "array": np.ones(2), "complex": 1j, "bool": True}
for name, value in wrong.items():
    calls |= {
        f"focal {name}": lambda v=value: L.Pinhole(v, 500, 1, 1, 48, 96),
        f"centre {name}": lambda v=value: L.Pinhole(500, 500, v, 1, 48, 96),
        f"height {name}": lambda v=value: L.Pinhole(500, 500, 1, 1, v, 96),
        f"scaled {name}": lambda v=value: camera.scaled(v, 96),
        f"baseline {name}": lambda v=value: L.StereoRig(camera, camera, v),
        f"from_focal {name}": lambda v=value: L.StereoRig.from_focal(48, 96, v, 0.1),
        f"from_focal height {name}": lambda v=value: L.StereoRig.from_focal(v, 96, 50.0, 0.1),
        f"from_fov {name}": lambda v=value: L.StereoRig.from_fov(48, 96, v, 0.1),
        f"distortion {name}": lambda v=value: DistortedCamera(camera, v, "radtan"),
    }
    if value is not None:
        calls |= {
            f"stereo {name}": lambda v=value: L.stereo(image, image, model="sgbm", max_disparity=v),
            f"network {name}": lambda v=value: L.StereoSession("leadline-fast", max_disparity=v),
            f"load_model {name}": lambda v=value: L.load_model("bm", max_disparity=v),
            f"smallest {name}": lambda v=value: L.load_model("bm", min_disparity=v),
            f"threads {name}": lambda v=value: L.stereo(image, image, model="sgbm", threads=v),
        }
calls |= {
    "height with a fraction": lambda: L.Pinhole(500, 500, 1, 1, 48.5, 96),
    "arguments in another order": lambda: L.StereoRig(0.1, camera, camera),
    "matrices for cameras": lambda: L.StereoRig(np.eye(3), np.eye(3), 0.1),
    "pinholes without lens": lambda: UnrectifiedRig(camera, camera, np.eye(4)),
    "lens around text": lambda: DistortedCamera("camera", (), "radtan"),
    "transform as lists": lambda: UnrectifiedRig(lens, lens, np.eye(4).tolist()),
    "depth of a baseline": lambda: flat.to_depth(0.1),
    "depth of nothing": lambda: flat.to_depth(None),
    "disparity of text": lambda: flat.to_depth(rig).to_disparity("rig"),
    "no model": lambda: L.stereo(image, image, model=None),
    "model by number": lambda: L.flow(image, image, model=3),
    "no calibration": lambda: L.read_calibration(None),
    "map of lists": lambda: L.DisparityMap([[1.0]], [[True]]),
    "map of whole numbers": lambda: L.DisparityMap(np.ones((2, 2), int), np.ones((2, 2), bool)),
    "validity of 255": lambda: L.DisparityMap(np.ones((2, 2), np.float32), np.full((2, 2), 255, np.uint8)),
    "kind in other words": lambda: L.DepthMap(np.ones((2, 2), np.float32), np.ones((2, 2), bool), "metres"),
}
found = {}
for name, call in calls.items():
    try:
        call()
        found[name] = "nothing"
    except L.LeadlineError as error:
        found[name] = str(error)
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
# What numpy computes is a number.
assert L.StereoRig.from_focal(np.int64(48), 96, np.float32(50), 0.1).left.height == 48
L.stereo(image, image, model="sgbm", max_disparity=np.int64(32))
L.stereo(image, image, model="sgbm", max_disparity=np.ceil(31.5))
print(json.dumps(found))
"""


def test_wrong_types_get_one_line():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 90
    wrong = {name: text for name, text in found.items() if not text.startswith("expected ") or "\n" in text}
    assert wrong == {}
    assert found["focal text"].startswith("expected a number as focal_x_px, got '500' (str)")
    assert found["height with a fraction"] == "expected a whole number as height, got 48.5; round it"
    assert found["validity of 255"].startswith("expected an array of bool as valid, got an array of uint8")
