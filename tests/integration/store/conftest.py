"""The adapter on the devstack's store."""

from __future__ import annotations

from typing import Any

import pytest

from invoker_plugin.config.store import StoreSettings
from tests.asynchronous import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]


@pytest.fixture
def settings(store_settings: dict[str, Any]) -> StoreSettings:
    """The devstack's store, as the invoker is told of it."""
    return StoreSettings(
        protocol=store_settings["protocol"],
        host=store_settings["host"],
        port=store_settings["port"],
        username=store_settings["user"],
        password=store_settings["password"],
        subjects=store_settings["subjects"],
        actions=store_settings["whisks"],
        activations=store_settings["activations"],
    )
