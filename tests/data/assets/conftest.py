"""One texture bank for all tests of assets."""

import pytest

from leadline.data.synthetic.textures import TextureBank, texture_bank


@pytest.fixture(scope="session")
def bank() -> TextureBank:
    return texture_bank()
