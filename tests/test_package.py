import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = [Requirement(line) for line in metadata.requires("leadline") or []]
EXTRAS = set(metadata.metadata("leadline").get_all("Provides-Extra") or [])


def of_extra(extra):
    """Names of what an extra brings, those of the extras it builds on included."""
    names = set()
    for requirement in REQUIREMENTS:
        if requirement.marker and requirement.marker.evaluate({"extra": extra}):
            if requirement.name == "leadline":
                names |= set().union(*(of_extra(inner) for inner in requirement.extras))
            else:
                names.add(canonicalize_name(requirement.name))
    return names - {canonicalize_name(r.name) for r in REQUIREMENTS if r.marker is None}


def imported_by(statement):
    """Milliseconds that a statement takes in a new interpreter, and the top-level packages it leaves loaded."""
    code = (
        f"import sys, time; start = time.perf_counter(); {statement}; "
        "print(1e3 * (time.perf_counter() - start), *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    milliseconds, *packages = done.stdout.split()
    return float(milliseconds), set(packages)


def test_import_is_light():
    runs = [imported_by("import leadline") for _ in range(3)]
    assert min(milliseconds for milliseconds, _ in runs) < 500
    assert not runs[0][1] & {"torch", "lightning"}


@pytest.mark.parametrize("room", ["classical", "geometry", "io", "maps", "metrics", "protocols", "runtime", "visual"])
def test_numpy_rooms_do_not_load_torch(room):
    assert not imported_by(f"import leadline.{room}")[1] & {"torch", "lightning"}


def test_core_needs_no_torch():
    core = {canonicalize_name(r.name) for r in REQUIREMENTS if r.marker is None}
    assert {"numpy", "opencv-python-headless", "onnxruntime"} <= core
    assert not core & {"torch", "lightning", "scikit-image"}


def test_extras_build_on_extras_that_exist():
    assert EXTRAS >= {"demo", "train", "test", "dev"}
    for requirement in REQUIREMENTS:
        if requirement.name == "leadline":
            assert requirement.extras <= EXTRAS, requirement


def test_extras_bring_what_they_promise():
    assert of_extra("demo") == {"scikit-image"}
    assert {"torch", "lightning", "onnx", "scikit-image"} <= of_extra("train")
    assert {"pytest", "hypothesis", "beartype"} | of_extra("train") <= of_extra("test")
    assert {"ruff", "basedpyright", "import-linter", "sphinx"} | of_extra("test") <= of_extra("dev")


def test_no_version_of_torch_is_allowed_whose_weights_only_runs_code():
    """CVE-2025-32434: until 2.5.1, `torch.load(weights_only=True)` runs code from a file."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = [Requirement(line) for lines in extras.values() for line in lines]
    wanted = [requirement for requirement in found if requirement.name == "torch"]
    assert len(wanted) == 2  # for training, and for external networks
    for requirement in wanted:
        for version in ("1.13.0", "2.0.0", "2.4.1", "2.5.0", "2.5.1"):
            assert not requirement.specifier.contains(version), requirement
        assert requirement.specifier.contains("2.6.0")


def test_licence_and_notice_come_with_the_package():
    names = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license-files"]
    assert names == ["LICENSE", "NOTICE"]
    assert all((ROOT / name).is_file() for name in names)


def test_constraints_pin_every_requirement_within_its_range():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            pinned[canonicalize_name(name)] = version
    for requirement in REQUIREMENTS:
        if requirement.name != "leadline":
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_command_is_installed():
    (command,) = metadata.entry_points(group="console_scripts", name="leadline")
    assert callable(command.load())


def test_annotations_are_checked_while_tests_run():
    from leadline.geometry.unproject import depth_from_disparity

    with pytest.raises(TypeCheckError, match="disparity"):
        depth_from_disparity(np.zeros((4, 5, 3)), 1.0, 1.0)
