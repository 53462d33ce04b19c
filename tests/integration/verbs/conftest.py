from __future__ import annotations

from tests.integration.containers.conftest import docker_host  # noqa: F401  a fixture
