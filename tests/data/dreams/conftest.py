"""One texture bank for all tests of dreams."""

import pytest

from leadline.data.dreams.textures import TextureBank, texture_bank


@pytest.fixture(scope="session")
def bank() -> TextureBank:
    return texture_bank()
