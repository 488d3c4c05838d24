# SPDX-License-Identifier: ISC
"""Fixtures of the end-to-end tests."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from mailstead import Mailstead  # noqa: E402


@pytest.fixture(scope="module")
def house():
    """A demo that the tests of one module share; stopped and checked at its end."""
    with Mailstead() as running:
        yield running
