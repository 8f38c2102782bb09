"""Any model by its name, other people's too."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import leadline
from leadline import loading
from leadline.classical import ClassicalStereo
from leadline.errors import InputError
from leadline.loading import is_model, is_own, known_models, load_model
from leadline.runtime.mono import MonoSession
from leadline.runtime.onnx_stereo_card import find_stereo_card
from leadline.runtime.own import CheckedMethod
from leadline.runtime.refine import RefinedMatcher, RefineSession
from leadline.runtime.stereo import StereoSession, WithNegative

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
MODELS = '''
import numpy as np
from leadline import DepthMap, DisparityMap


class Flat:
    """The same disparity everywhere."""

    def __init__(self, max_disparity=7, threads=None):
        self.max_disparity = max_disparity
        self.threads = threads

    def __call__(self, left, right):
        disparity = np.full(left.shape[:2], self.max_disparity, np.float32)
        return DisparityMap(disparity, np.ones(left.shape[:2], bool))


def one_metre(image):
    return DepthMap(np.ones(image.shape[:2], np.float32), np.ones(image.shape[:2], bool), "metric")


def make_mono():
    return one_metre


def bare(left, right):
    return np.zeros(left.shape[:2])


def small(left, right):
    return Flat()(left[:8], right)


def four(a, b, c, d):
    return None


class Named:
    task = "mono"

    def __call__(self, *images):
        return one_metre(*images)


instance = Flat(3)
number = 3
'''


@pytest.fixture(autouse=True)
def toy_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "toy_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_models", raising=False)
    return "toy_models"


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module registers its class under a name, as an installed package does."""
    entries = [EntryPoint("flat-seven", "toy_models:Flat", "leadline.models")]
    monkeypatch.setattr(loading, "entry_points", lambda group: entries if group == "leadline.models" else [])


@pytest.mark.parametrize(
    ("name", "task", "kind"),
    [
        ("leadline-fast", None, StereoSession),
        ("leadline-mono", None, MonoSession),
        ("leadline-refine", None, RefineSession),
        ("leadline-refine", "refine", RefineSession),
        ("leadline-refine", "stereo", RefinedMatcher),
        ("bm", None, ClassicalStereo),
        ("toy_models:Flat", None, CheckedMethod),
    ],
)
def test_a_name_stands_for_its_model(name, task, kind):
    assert isinstance(load_model(name, task, threads=1), kind)


def test_a_file_is_what_it_says_it_is(mono_graph):
    assert isinstance(load_model(mono_graph(), threads=1), MonoSession)
    with pytest.raises(InputError, match="which is a monocular network"):
        load_model(mono_graph(), "stereo")


def test_a_class_of_somebody_else_is_a_model():
    assert (load_model("toy_models:Flat")(IMAGE, IMAGE).disparity == 7.0).all()
    method = load_model("toy_models:Flat", "stereo", max_disparity=16, threads=2)
    assert (method(IMAGE, IMAGE).disparity == 16.0).all()
    assert method.method.threads == 2
    assert (leadline.stereo(IMAGE, IMAGE, model="toy_models:Flat").disparity == 7.0).all()


def test_a_search_below_zero_goes_round_any_method():
    method = load_model("toy_models:Flat", "stereo", max_disparity=16, min_disparity=-4)
    assert isinstance(method, WithNegative)
    assert (method(IMAGE, IMAGE).disparity == 16.0).all()  # 20 px between views that were moved apart by 4


@pytest.mark.parametrize("name", ["toy_models:one_metre", "toy_models:make_mono", "toy_models:Named"])
def test_a_function_is_a_model_or_makes_one(name):
    found = load_model(name, "mono")(IMAGE)
    assert found.kind == "metric"
    assert (leadline.mono(IMAGE, model=name).depth == 1.0).all()


def test_an_object_is_a_model():
    assert (load_model("toy_models:instance")(IMAGE, IMAGE).disparity == 3.0).all()


def test_an_installed_package_registers_a_name(registered):
    assert (load_model("flat-seven", max_disparity=5)(IMAGE, IMAGE).disparity == 5.0).all()
    assert "flat-seven" in known_models("stereo")
    assert is_own("flat-seven")
    assert is_model("flat-seven")
    with pytest.raises(InputError, match="sgbm-hh, flat-seven, the path of an ONNX file"):
        load_model("nonsense", "stereo")


@pytest.mark.parametrize(
    ("name", "how", "says"),
    [
        ("toy_models:Flat", {"task": "mono"}, "expected a monocular network, got toy_models:Flat, which is a stereo"),
        ("toy_models:four", {}, r"expected a method that takes \(left, right\) for stereo; .* takes 4 arguments"),
        ("toy_models:number", {}, "expected a class or a function as the model, got int"),
        ("toy_models:nothing", {}, "expected an attribute nothing in the module toy_models"),
        ("toy_models:one_metre", {"threads": 2}, "expected no threads for toy_models:one_metre, .* got 2"),
        ("toy_models:one_metre", {"max_disparity": 2}, "expected no max_disparity for toy_models:one_metre, got 2"),
        ("toy_models:Flat", {"provider": "cuda"}, "expected provider cpu for toy_models:Flat, got 'cuda'"),
        ("leadline-mono", {"max_disparity": 64}, "expected no max_disparity for leadline-mono, got 64; leave it out"),
        ("leadline-fast", {"source": "folder"}, "expected no source for leadline-fast, got folder; leave it out"),
        ("leadline-fast", {"accept_licence": True}, "expected no accept_licence for leadline-fast"),
        ("leadline-fast", {"max_disparity": 0}, "expected a largest disparity of at least 1 px, got 0"),
        ("leadline-fast", {"threads": 0}, "expected at least 1 thread, got 0"),
        ("sgbm", {"provider": "cuda"}, "expected provider cpu for sgbm, got 'cuda'; leave it out"),
        ("nonsense", {}, "expected one of leadline-accurate, .*, bm, .* as the model; got 'nonsense'"),
    ],
)
def test_what_does_not_go_together_is_refused(name, how, says):
    with pytest.raises(InputError, match=says) as refused:
        load_model(name, **how)
    assert "--" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("toy_models:bare", r"expected a leadline.DisparityMap from toy_models:bare, got ndarray; return DisparityMap"),
        ("toy_models:small", r"image's \(height, width\) \(20, 30\) from toy_models:small, got \(8, 30\)"),
    ],
)
def test_results_of_somebody_else_are_checked(name, says):
    with pytest.raises(InputError, match=says):
        load_model(name)(IMAGE, IMAGE)


def test_a_network_in_torch_is_a_model():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    method = load_model("leadline.models.stereo.plain:PlainStereo", "stereo", max_disparity=16)
    images = np.random.default_rng(1).integers(0, 256, (2, 32, 64, 3), dtype=np.uint8)
    found = method(*images)
    network = method.method._inference.model
    with torch.inference_mode():
        pair = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255.0
        wanted = network(pair[:1], pair[1:]).disparity[0, 0].numpy()
    np.testing.assert_allclose(found.disparity, wanted, atol=1e-4)
    assert network.max_disparity == 16
    depth = load_model("leadline.models.mono:LeadlineMono", "mono")(images[0])
    assert depth.kind == "affine_inverse"
    assert depth.depth.shape == (32, 64)
    with pytest.raises(InputError, match=r"expected a stereo network, got leadline\.models\.mono:LeadlineMono"):
        load_model("leadline.models.mono:LeadlineMono", "stereo")
    with pytest.raises(InputError, match=r"the attribute input_stride as torch\.nn:Identity, found none"):
        load_model("torch.nn:Identity", "mono")


def test_a_graph_of_ours_is_not_mistaken_for_the_yaml_file_beside_it(tmp_path):
    """The file beside it may be the recipe that it was trained by; only a graph of others needs its card."""
    bundled = Path(leadline.__file__).parent / "runtime" / "bundled" / "leadline-fast.onnx"
    (tmp_path / "toy.onnx").write_bytes(bundled.read_bytes())
    (tmp_path / "toy.yaml").write_text("model: plain\n")
    assert isinstance(load_model(str(tmp_path / "toy.onnx"), "stereo"), StereoSession)


FOREIGN = {"left": [1, 3, 32, 48], "right": [1, 3, 32, 48]}


def test_a_stereo_network_of_other_people_with_its_card(foreign_stereo, tmp_path):
    view = np.full((32, 48, 3), 9, np.uint8)
    path = foreign_stereo(FOREIGN, "disp", np.zeros(6), offset=5.0)
    method = load_model(f"{path}@foundation-stereo", "stereo", max_disparity=20, threads=1)
    assert (method(view, view).disparity == 5.0).all()
    assert is_model(f"{path}@foundation-stereo")
    assert (leadline.stereo(view, view, model=f"{path}@foundation-stereo").disparity == 5.0).all()
    with pytest.raises(InputError, match="which is a stereo network"):
        load_model(f"{path}@foundation-stereo", "mono")
    with pytest.raises(InputError, match="one of cgi-stereo"):
        load_model(f"{path}@nonsense")
    # A card beside the file is found; the card's name alone stands for the file beside it.
    (tmp_path / "net.onnx").write_bytes(path.read_bytes())
    (tmp_path / "net.yaml").write_text(find_stereo_card("foundation-stereo").read_text())
    for name in ("net.onnx", "net.yaml"):
        assert (load_model(tmp_path / name, "stereo")(view, view).disparity == 5.0).all()


def test_a_network_without_a_card_is_told_which_one_it_fits(foreign_stereo):
    path = foreign_stereo(FOREIGN, "disp", np.zeros(6))
    with pytest.raises(InputError, match=r"@CARD; it has the inputs and outputs of foundation-stereo$"):
        load_model(path)
    path = foreign_stereo(FOREIGN, "depth", np.zeros(6))
    with pytest.raises(InputError, match=r"@CARD; the cards are cgi-stereo, .*, or a file \(.yaml\)$"):
        load_model(path, "stereo")
