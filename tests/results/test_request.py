"""A folder is finished for the request that made it, and for no other."""

import json

import pytest

from leadline.errors import InputError
from leadline.results.request import describe_request, is_finished, unfinished


@pytest.fixture
def images(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    return tmp_path


def finish(folder, request):
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps({"seconds": 1.0, **request}))


def test_the_same_request_is_finished(images):
    request = describe_request([images / "a.png", None], {"model": "m", "fov": 60.0, "calibration": None})
    finish(images / "out", request)
    assert is_finished(images / "out", request)
    assert not is_finished(images / "elsewhere", request)


@pytest.mark.parametrize("change", ["image", "content", "option", "file", "version"])
def test_another_request_is_not(images, monkeypatch, change):
    (images / "calib.txt").write_text("1")
    options = {"model": "m", "calibration": images / "calib.txt"}
    finish(images / "out", describe_request([images / "a.png"], options))
    asked = [images / ("b.png" if change == "image" else "a.png")]
    if change == "content":
        (images / "a.png").write_bytes(b"c")
    if change == "option":
        options["model"] = "n"
    if change == "file":
        (images / "calib.txt").write_text("2")
    if change == "version":
        monkeypatch.setattr("leadline.results.request.version", lambda _: "99")
    assert not is_finished(images / "out", describe_request(asked, options))


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"request": 1}'])
def test_a_summary_of_something_else_is_not_finished(images, text):
    (images / "out").mkdir()
    (images / "out" / "summary.json").write_text(text)
    assert not is_finished(images / "out", describe_request([images / "a.png"], {}))


def test_a_summary_of_a_hundred_thousand_lists_is_not_finished(images):
    finish(images / "out", request := describe_request([images / "a.png"], {"model": "m"}))
    (images / "out" / "summary.json").write_text("[" * 100_000)
    assert not is_finished(images / "out", request)


def test_what_is_left_of_a_batch(images):
    requests = {name: describe_request([images / f"{name}.png"], {"model": "m"}) for name in ("a", "b")}
    assert unfinished(images / "out", requests, False, "images") == (["a", "b"], ())
    finish(images / "out" / "a", requests["a"])
    finish(images / "out" / "b", describe_request([images / "b.png"], {"model": "other"}))
    todo, notes = unfinished(images / "out", requests, False, "images")
    assert todo == ["b"]
    assert notes[0] == "1 of 2 images are finished and skipped"
    assert notes[1].startswith("1 of 2 results are replaced: for other images, options or versions")
    assert unfinished(images / "out", requests, True, "images")[0] == ["a", "b"]


def test_an_input_that_is_missing(images):
    with pytest.raises(InputError, match=r"no\.png"):
        describe_request([images / "no.png"], {})
