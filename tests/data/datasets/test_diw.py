import numpy as np
import pytest

from leadline.data.datasets.diw import DepthInTheWild
from leadline.errors import InputError

# y_A, x_A, y_B, x_B from 1, relation, width, height
LIST = "./DIW_test/a1.thumb\n2,8,6,1,>,8,6\n./DIW_test/b2.thumb\n1,1,1,2,<,8,6\n"


def test_points_and_relations(tree):
    color = tree.image("DIW_test/a1.thumb", 1)
    tree.image("DIW_test/b2.thumb", 2)
    pairs = DepthInTheWild(tree.root, tree.text("DIW_test.csv", LIST))
    assert [pairs.key(index) for index in range(len(pairs))] == ["DIW_test/a1", "DIW_test/b2"]
    first, second = pairs[0], pairs[1]
    assert np.abs(first.image.astype(int) - color).max() < 4
    assert (first.first.tolist(), first.second.tolist()) == ([[7, 1]], [[0, 5]])  # x, y from 0
    assert first.relation.tolist() == [1]  # A is farther
    assert second.relation.tolist() == [-1]
    assert (first.annotation, first.key) == ("ordinal", "DIW_test/a1")


@pytest.mark.parametrize("line", ["2,8,6,1,=,8,6", "2,8,6,1,>", "0,8,6,1", "./DIW_test/b.thumb"])
def test_other_lines_are_refused(tree, line):
    with pytest.raises(InputError, match="< or >,width,height in the next line"):
        DepthInTheWild(tree.root, tree.text("a.csv", f"./a.thumb\n{line}\n"))


def test_what_does_not_fit_is_refused(tree):
    with pytest.raises(InputError, match=r"got an odd number in .*; it is cut off"):
        DepthInTheWild(tree.root, tree.text("a.csv", LIST + "./c.thumb\n"))
    pairs = DepthInTheWild(tree.root, tree.text("a.csv", LIST.replace("2,8,6,1", "2,9,6,1")))
    with pytest.raises(InputError, match=r"an image at .*a1\.thumb, got no such file"):
        pairs[0]
    tree.image("DIW_test/a1.thumb")
    with pytest.raises(InputError, match=r"points inside .*a1\.thumb, got \[\[8, 1\], \[0, 5\]\]"):
        pairs[0]
    tree.image("DIW_test/a1.thumb", size=(8, 6))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(8, 6\)"):
        pairs[0]
    tree.image("DIW_test/b2.thumb")
    pairs = DepthInTheWild(tree.root, tree.text("a.csv", LIST.replace("1,1,1,2", "0,1,1,2")))
    with pytest.raises(InputError, match="points inside"):
        pairs[1]
