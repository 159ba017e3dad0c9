"""Fixtures for every kind of test: the databases."""

from __future__ import annotations

pytest_plugins = ["tests.support.databases"]
