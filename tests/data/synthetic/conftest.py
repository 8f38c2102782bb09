"""One texture bank for all tests of rendered."""

import pytest

from leadline.data.synthetic.textures import TextureBank, household_bank, texture_bank


@pytest.fixture(scope="session")
def bank() -> TextureBank:
    return texture_bank()


@pytest.fixture(scope="session")
def household() -> TextureBank:
    return household_bank()
