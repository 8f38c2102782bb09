"""`leadline export`: a checkpoint becomes a file for `--model`."""

import sys

import pytest

from leadline.apps.cli.main import main
from leadline.export import onnx


@pytest.mark.parametrize(("words", "guided"), [([], True), (["--unguided"], False)])
def test_a_checkpoint_is_exported(words, guided, tmp_path, monkeypatch, capsys):
    def export_checkpoint(checkpoint, output, *how):
        assert how == (1.5, guided, None)
        output.write_bytes(bytes(2_000_000))
        return "0.00051 px"

    monkeypatch.setattr(onnx, "export_checkpoint", export_checkpoint)
    assert main(["export", "last.ckpt", "--output", str(tmp_path / "my.onnx"), "--enlarge", "1.5", *words]) == 0
    assert capsys.readouterr().out.endswith("my.onnx: 2.0 MB, within 0.00051 px of torch\n")


def test_a_name_that_model_would_not_take_is_refused(tmp_path, capsys):
    assert main(["export", "last.ckpt", "--output", str(tmp_path / "my.pt")]) == 2
    assert "ends in .onnx" in capsys.readouterr().err


def test_shrinking_is_refused(tmp_path, capsys):
    assert main(["export", "last.ckpt", "--output", str(tmp_path / "my.onnx"), "--enlarge", "0.5"]) == 2
    assert "--enlarge of at least 1, got 0.5" in capsys.readouterr().err


def test_a_missing_checkpoint_is_told_in_one_line(tmp_path, capsys):
    assert main(["export", str(tmp_path / "none.ckpt"), "--output", str(tmp_path / "my.onnx")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "checkpoint of `leadline train`" in line
    assert not list(tmp_path.iterdir())


def test_without_torch_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "leadline.export.onnx")
    assert main(["export", "last.ckpt", "--output", str(tmp_path / "my.onnx")]) == 2
    assert "leadline[train]" in capsys.readouterr().err
