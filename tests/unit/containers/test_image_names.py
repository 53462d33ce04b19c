"""Registries and tags of image names."""

from __future__ import annotations

import pytest

from invoker_plugin.containers.image_names import is_among, is_floating, resolve


@pytest.mark.parametrize(
    ("image", "registry", "expected"),
    [
        ("openwhisk/python", "", "openwhisk/python"),
        ("openwhisk/python:1", "registry:5000", "registry:5000/openwhisk/python:1"),
        ("openwhisk/python", "registry:5000/", "registry:5000/openwhisk/python"),
        ("own.host/a/b:1", "registry:5000", "own.host/a/b:1"),
        ("127.0.0.1:5999/lab/x:v1", "other", "127.0.0.1:5999/lab/x:v1"),
        ("localhost/x", "other", "localhost/x"),
    ],
)
def test_registry(image: str, registry: str, expected: str) -> None:
    assert resolve(image, registry) == expected


@pytest.mark.parametrize(
    ("image", "floating"),
    [
        ("a", True),
        ("a/b:latest", True),
        ("a/b:1", False),
        ("host:5000/a", True),
        ("host:5000/a:2", False),
        ("a@sha256:ab", False),
    ],
)
def test_floating(image: str, floating: bool) -> None:
    assert is_floating(image) is floating


def test_latest_and_no_tag_are_the_same_image() -> None:
    assert is_among("a/b", ("a/b:latest",))
    assert is_among("a/b:latest", ("a/b",))
    assert not is_among("a/b:1", ("a/b",))
