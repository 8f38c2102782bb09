"""Model cards: complete, and true to their weights."""

import hashlib
import json
from dataclasses import fields, replace

import pytest

from leadline.errors import InputError
from leadline.runtime import card as card_module
from leadline.runtime.card import ModelCard, bundled_cards, verify

WEIGHTS = b"weights"
CARD = ModelCard(
    name="toy",
    summary="A toy.",
    licence="Apache-2.0",
    weights="toy.onnx",
    task="stereo",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    max_disparity=64,
    enlarge=1.0,
    parameters=3,
    gflop=0.5,
    training={},
    curve=[],
    scores=[],
    limits=[],
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(card_module, "_bundled_folder", lambda: tmp_path)
    (tmp_path / "toy.json").write_text(CARD.to_json())
    (tmp_path / "toy.onnx").write_bytes(WEIGHTS)
    return tmp_path


def test_a_card_comes_back_as_it_was_stored(folder):
    assert bundled_cards() == {"toy": CARD}
    assert set(json.loads(CARD.to_json())) == {entry.name for entry in fields(ModelCard)}
    verify(CARD)


def test_cards_are_chosen_by_task(folder):
    mono = replace(CARD, name="other", task="mono")
    (folder / "other.json").write_text(mono.to_json())
    assert bundled_cards() == {"toy": CARD, "other": mono}
    assert bundled_cards("stereo") == {"toy": CARD}
    assert bundled_cards("mono") == {"other": mono}


def test_a_card_without_a_task_is_refused(folder):
    content = json.loads(CARD.to_json())
    del content["task"]
    (folder / "toy.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"expected task on the model card .*toy\.json, found none"):
        bundled_cards("stereo")


def test_an_unknown_task_is_refused(folder):
    with pytest.raises(InputError, match="expected one of stereo, mono, refine, flow as the task, got 'depth'"):
        bundled_cards("depth")
    (folder / "toy.json").write_text(CARD.to_json().replace('"task": "stereo"', '"task": "depth"'))
    with pytest.raises(InputError, match="as the task, got 'depth'"):
        bundled_cards()


def test_weights_that_differ_are_refused(folder):
    (folder / "toy.onnx").write_bytes(b"other")
    with pytest.raises(InputError, match=r"sha256 .* got d9298a10d1b0"):
        verify(CARD)


def test_missing_weights_are_refused(folder):
    with pytest.raises(InputError, match="found none"):
        verify(replace(CARD, weights="gone.onnx"))


def test_what_is_bundled_is_whole():
    cards = bundled_cards()
    assert "leadline-fast" in cards
    for card in cards.values():
        verify(card)
        assert card.licence == "Apache-2.0"
