# SPDX-License-Identifier: ISC
"""Fixtures of the end-to-end tests."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from mailstead import Mailstead  # noqa: E402

# Whole desktops take their time: once is enough, with the build that users have.
if os.environ.get("MAILSTEAD_BUILD") == "asan":
    collect_ignore = ["test_client_thunderbird.py", "test_client_roundcube.py"]


@pytest.fixture(scope="module")
def house():
    """A demo that the tests of one module share; stopped and checked at its end."""
    with Mailstead() as running:
        yield running
