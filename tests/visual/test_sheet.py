import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.visual.sheet import Panel, sheet, stereo_sheet
from leadline.visual.text import draw_text, fitted, text_size

RED = np.full((20, 40, 3), (255, 0, 0), dtype=np.uint8)
BLUE = np.full((20, 40, 3), (0, 0, 255), dtype=np.uint8)


def disparity_map(height: int, width: int, confidence: bool = False) -> DisparityMap:
    values = np.tile(np.linspace(1, 30, width, dtype=np.float32), (height, 1))
    layer = np.full((height, width), 0.5, dtype=np.float32) if confidence else None
    return DisparityMap(values, np.ones((height, width), dtype=bool), layer)


def test_panels_stand_in_their_places() -> None:
    image = sheet([[Panel("red", RED), Panel("blue", BLUE)], [None, Panel("red", RED)]], panel_width=80)
    # Two columns of 80 and three gaps of 10; rows of a label, a panel of 40 and a gap.
    assert image.shape == (2 * (26 + 40 + 10), 190, 3)
    assert image[46, 50].tolist() == [255, 0, 0]
    assert image[46, 140].tolist() == [0, 0, 255]
    assert image[122, 50].tolist() == [255, 255, 255]
    assert image[122, 140].tolist() == [255, 0, 0]


def test_labels_and_title_leave_ink() -> None:
    plain = sheet([[Panel("", RED)]], panel_width=80)
    labelled = sheet([[Panel("red", RED)]], title="title", panel_width=80)
    assert labelled.shape[0] == plain.shape[0] + 40
    assert (plain[:26] == 255).all()
    assert (labelled[:40] < 100).any()
    assert (labelled[40:66] < 100).any()


def test_colour_scales_are_not_mixed_when_enlarged() -> None:
    pixels = np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    exact = sheet([[Panel("", pixels)]], panel_width=80)[27:65, 11:89].reshape(-1, 3)
    assert {tuple(color) for color in exact.tolist()} == {(255, 0, 0), (0, 0, 255)}
    photo = sheet([[Panel("", pixels, photo=True)]], panel_width=80)[27:65, 11:89].reshape(-1, 3)
    assert len(np.unique(photo, axis=0)) > 2


def test_stereo_sheet_has_a_column_per_method() -> None:
    left = np.zeros((30, 48, 3), dtype=np.uint8)
    learned, sgbm, truth = disparity_map(30, 48, confidence=True), disparity_map(30, 48), disparity_map(30, 48)
    full = stereo_sheet(left, left, {"learned": learned, "sgbm": sgbm}, truth, {"sgbm": "bad-2 10.2 %"}, "title")
    row = 26 + 300 + 10
    assert full.shape == (40 + 3 * row + 44, 3 * 480 + 4 * 10, 3)
    no_confidence = stereo_sheet(left, left, {"sgbm": sgbm}, truth)
    assert no_confidence.shape == (2 * row + 44, 2 * 480 + 3 * 10, 3)
    no_truth = stereo_sheet(left, left, {"learned": learned})
    assert no_truth.shape == (2 * row, 2 * 480 + 3 * 10, 3)
    only_disparity = stereo_sheet(left, left, {"sgbm": sgbm})
    assert only_disparity.shape == (row, 2 * 480 + 3 * 10, 3)


def test_sparse_truth_is_made_visible() -> None:
    left = np.zeros((30, 48, 3), dtype=np.uint8)
    valid = np.zeros((30, 48), dtype=bool)
    valid[::6, ::6] = True
    dots = DisparityMap(np.full((30, 48), 9, dtype=np.float32), valid)
    image = stereo_sheet(left, left, {"m": disparity_map(30, 48)}, dots)
    truth_panel = image[26 + 300 + 10 + 27 : 26 + 300 + 10 + 325, 11:489]
    # Each dot of 1 in 36 pixels covers up to nine pixels.
    assert 0.15 < (truth_panel.max(axis=2) > 0).mean() < 0.3


def test_empty_sheet() -> None:
    with pytest.raises(InputError, match="at least one panel"):
        sheet([[None]])


def test_no_predictions() -> None:
    with pytest.raises(InputError, match="at least one prediction"):
        stereo_sheet(RED, RED, {})


def test_prediction_of_another_size() -> None:
    with pytest.raises(InputError, match="expected m of"):
        stereo_sheet(RED, RED, {"m": disparity_map(10, 10)})


def test_long_labels_are_cut() -> None:
    text = fitted("a very long label that cannot fit", 0.5, 100)
    assert text.endswith("...")
    assert text_size(text, 0.5)[0] <= 100
    assert fitted("short", 0.5, 100) == "short"


def test_text_beyond_ascii_is_drawn_as_question_marks() -> None:
    drawn, expected = (np.full((30, 60, 3), 255, dtype=np.uint8) for _ in range(2))
    draw_text(drawn, "a\u2013b", (5, 20), 0.5)
    draw_text(expected, "a?b", (5, 20), 0.5)
    np.testing.assert_array_equal(drawn, expected)
