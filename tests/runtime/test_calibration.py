"""Correction of confidences: by hand, and on bundled networks."""

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.loading import load_model
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.runtime.calibration import SHARP_PX, ConfidenceCalibration
from leadline.runtime.card import bundled_cards, calibration_of
from leadline.runtime.sharpness import edge_blur_px

BOARD = np.kron(np.indices((4, 12)).sum(0) % 2, np.ones((20, 40))).astype(np.uint8) * 150 + 50
SOFT = np.asarray(cv2.GaussianBlur(BOARD, (0, 0), 2 * SHARP_PX))
CONFIDENCE = np.array([[0.0, 0.2, 0.5, 0.9, 1.0]], np.float32)


def test_an_offset_is_added_to_the_logit():
    found = ConfidenceCalibration(offset=np.log(3.0))(CONFIDENCE)
    # The odds 1/4, 1 and 9 become three times as large.
    np.testing.assert_allclose(found, [[0.0, 3 / 7, 3 / 4, 27 / 28, 1.0]], atol=2e-6)


def test_twice_the_blur_of_sharp_images_costs_one_rate():
    calibration = ConfidenceCalibration(blur_rate=1.0, noise=50.0)
    assert calibration.shift(SOFT, SOFT) == pytest.approx(-1.0, abs=0.1)
    assert calibration.shift(BOARD, BOARD) == 0.0
    # One sharp view is enough: the other one's blur is seen by the network.
    assert calibration.shift(SOFT, BOARD) == 0.0
    assert calibration(CONFIDENCE, BOARD, BOARD) is CONFIDENCE
    assert (calibration(CONFIDENCE, SOFT)[0, 1:4] < CONFIDENCE[0, 1:4]).all()


def test_noise_lessens_the_part_of_blur():
    noise = np.random.default_rng(0).normal(0.0, 5.0, SOFT.shape)
    noisy = np.rint(SOFT + noise).astype(np.uint8)
    alone = ConfidenceCalibration(blur_rate=1.0, noise=1e6).shift(noisy)
    assert ConfidenceCalibration(blur_rate=1.0, noise=5.0).shift(noisy) == pytest.approx(alone / 2, rel=0.2)


@pytest.mark.parametrize("keys", [{"offset": np.inf}, {"blur_rate": -1.0}, {"noise": 0.0}])
def test_wrong_corrections(keys):
    with pytest.raises(InputError, match="a finite offset, a blur_rate from 0 and noise above 0"):
        ConfidenceCalibration(**keys)


def test_bundled_networks_have_one_and_files_have_none():
    assert all(calibration_of(name).blur_rate > 0 for name in ("leadline-fast", "leadline-accurate"))
    assert calibration_of("other.onnx") == ConfidenceCalibration()


@pytest.mark.parametrize("name", ["leadline-fast", "leadline-refine"])
def test_a_network_is_less_sure_of_blurred_views_and_its_disparity_stays(name):
    scene, _ = motorcycle()
    left, right = (np.asarray(cv2.GaussianBlur(view[:240, :360], (0, 0), 4.0)) for view in (scene.left, scene.right))
    with_card, without = load_model(name, threads=1), load_model(str(bundled_cards()[name].path), "stereo", threads=1)
    if name == "leadline-refine":
        with_card = load_model(name, "stereo", threads=1)
    found, plain = with_card(left, right), without(left, right)
    np.testing.assert_array_equal(found.disparity, plain.disparity)
    assert edge_blur_px(left) > 2 * SHARP_PX
    assert found.confidence.mean() < plain.confidence.mean() - 0.05
    # The order of the pixels stays.
    order = np.argsort(plain.confidence.ravel())
    assert (np.diff(found.confidence.ravel()[order]) >= -1e-6).all()
