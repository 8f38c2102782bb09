"""Runs the examples in README and in every module's docstrings."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import leadline

FOUND = list(pkgutil.walk_packages(leadline.__path__, "leadline."))
MODULES = [module.name for module in FOUND]
PACKAGES = {module.name for module in FOUND if module.ispkg}
"""They hold no code: they offer the names of their modules."""
NOT_ASKED = {"__main__", "apps", "export", "losses", "models", "ops", "training"}
"""Rooms whose modules need no example: the command line, which the pages on the commands show, and those of torch."""
NOTHING_TO_SHOW = {
    "leadline.data.stereo.prior": "a torch stream over another stream",
    "leadline.data.synthetic.motion_truth": "needs a traced scene; leadline.data.synthetic.flow gives one",
    "leadline.io.hdf5": "reads a form that nothing here writes; h5py is no requirement",
    "leadline.data.workers": "ends processes, of which an example starts none",
    "leadline.data.audit.page": "needs an audit's measurements; leadline.data.audit.run makes them",
    "leadline.data.audit.parts": "opens what is to be audited, which the example would have to make first",
    "leadline.data.synthetic.flight_worlds": "paints worlds for `leadline simulate --sensor network`",
    "leadline.data.movies.photographs": "reads files of cameras with two lenses",
    "leadline.interrupt": "answers Ctrl-C, which an example does not press",
    **dict.fromkeys(
        (f"leadline.results.{name}_job" for name in ("mono", "stereo")),
        "does a command's work on files, which the example would have to make first",
    ),
    **dict.fromkeys(
        (f"leadline.robotics.simulation.{name}" for name in ("eyes", "flights", "learned_eye", "view")),
        "flies robots through worlds; examples/fly_through_a_world.py shows how",
    ),
    **dict.fromkeys(
        (f"leadline.cameras.{name}" for name in ("oak", "realsense", "uvc", "zed")),
        "opens a camera, which an example does not have",
    ),
    "leadline.cameras.bags": "reads a recording, which an example would have to make first",
    "leadline.cameras.bag_images": "reads messages of a recording",
    "leadline.cameras.bag_recovery": "reads a recording that was cut off",
    **dict.fromkeys(
        (
            f"leadline.data.datasets.{name}"
            for name in (
                "cityscapes",
                "diml_indoor",
                "diode",
                "eth3d",
                "flow_benchmarks",
                "flying_things",
                "flying_things_flow",
                "kitti_depth",
                "kitti_frames",
                "kitti_raw",
                "megadepth",
                "middlebury",
                "mined_films",
                "nyu_v2",
                "redweb",
                "scannet",
                "sintel_depth",
                "tum_rgbd",
                "wsvd",
            )
        ),
        "opens a data set, which the example would have to make first",
    ),
    **dict.fromkeys(
        (
            f"leadline.data.synthetic.{name}"
            for name in (
                "contact_sheets",
                "footage",
                "generate",
                "mono_worlds",
                "moving_worlds",
                "scene_flow",
                "shelf",
                "stereo_worlds",
                "textures",
                "video",
                "worlds",
            )
        ),
        "needs the bank of textures, which takes many seconds to draw",
    ),
}
"""Modules without an example -> why."""
README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.parametrize("name", ["leadline", *MODULES])
def test_docstring_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0
    room = [*name.split("."), ""][1]
    assert tried > 0 or room in NOT_ASKED or name in PACKAGES or name in NOTHING_TO_SHOW
    assert tried == 0 or name not in NOTHING_TO_SHOW


def test_exceptions_are_of_modules_that_are_there():
    assert set(MODULES) >= NOTHING_TO_SHOW.keys()
    assert {name.split(".")[1] for name in MODULES} >= NOT_ASKED


def test_readme_examples():
    failed, tried = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert failed == 0
    assert tried > 0
