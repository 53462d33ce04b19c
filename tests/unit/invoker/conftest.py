"""Tests of the flow may be coroutines."""

from tests.asynchronous import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
