"""Image names: which registry, which tag (behaviours 94 and 96)."""

from __future__ import annotations


def has_registry(image: str) -> bool:
    """True when the name says its registry itself: Docker's rule for its first part."""
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def resolve(image: str, registry: str) -> str:
    """``image`` in ``registry``, unless it names one itself or none is configured."""
    if not registry or has_registry(image):
        return image
    return f"{registry.rstrip('/')}/{image}"


def is_floating(image: str) -> bool:
    """True when the name may mean another image tomorrow: no tag, or ``latest``."""
    if "@" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag in ("", "latest")


def is_among(image: str, images: tuple[str, ...]) -> bool:
    """True when ``image`` is one of ``images``; no tag and ``latest`` mean the same."""
    return _tagged(image) in {_tagged(other) for other in images}


def _tagged(image: str) -> str:
    return (
        image
        if "@" in image or not is_floating(image)
        else f"{image.removesuffix(':latest')}:latest"
    )
