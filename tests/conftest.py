"""Fixtures for all tests; which tests an environment runs is decided in the root's conftest.py."""

import os

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator whose seed is the same for every test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def subprocess_env() -> dict[str, str]:
    """Environment for a Python that a test starts: this one's, with one thread and no user site."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONNOUSERSITE": "1"}
