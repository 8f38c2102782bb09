import numpy as np
import pytest

from leadline.data.datasets.files import find_files, first_file, name_in, read_entries, require_size
from leadline.errors import InputError


def test_files_come_in_the_natural_order_of_their_names(tree):
    for name in ("b/1.txt", "a/10.txt", "a/2.txt", "a/x.txt"):
        tree.text(name, "x")
    found = find_files(tree.root, "*/*.txt")
    assert [name_in(tree.root, path) for path in found] == ["a/2", "a/10", "a/x", "b/1"]


def test_what_is_not_there_is_named(tree):
    with pytest.raises(InputError, match="got no folder"):
        find_files(tree.root / "none", "*")
    with pytest.raises(InputError, match=r"expected files \*\.png in .*, found none"):
        find_files(tree.root, "*.png")
    with pytest.raises(InputError, match=r"an image at .*a\.png, got no such file"):
        first_file([tree.root / "a.png", tree.root / "a.jpg"], "an image")


def test_lists_are_read_without_blanks_and_comments(tree):
    assert read_entries(tree.text("a.txt", "# head\n\n one two \r\nthree\n"), "a list") == ["one two", "three"]
    with pytest.raises(InputError, match="a list with entries, got none"):
        read_entries(tree.text("b.txt", "# head\n\n"), "a list")


def test_layers_of_another_size_are_refused(tree):
    require_size(tree.root, np.zeros((2, 3)).shape, (2, 3))
    with pytest.raises(InputError, match=r"\(height, width\) \(2, 3\), got \(3, 2\)"):
        require_size(tree.root, (3, 2), (2, 3))
