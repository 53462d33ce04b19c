"""What went wrong at Docker, told apart: the system's fault, or that of whoever made the image.

Docker's CLI tells by exit codes (behaviours 89 and 91); the Engine API by status and message. The
messages are the OCI runtime's (runc, crun) for what it could not execute in the image.
"""

from __future__ import annotations

import re

from invoker_plugin.errors import DeveloperFault, InvokerError, SystemFault
from invoker_plugin.wire import texts

_NOT_EXECUTABLE = re.compile(
    "|".join(
        (
            r"executable file .*not found",
            r'exec(ve)?:? "?[^"]*"?: (stat .*: )?(no such file or directory|permission denied)',
            r"exec(ve)?:? .*: (is a directory|not a directory)",
            r"exec format error",
            r"no command specified",
            r"no executable specified",
            r"exec user process",
            r"unable to find user",
            r"cwd must be|working directory",
        )
    ),
    re.IGNORECASE,
)


class DockerFault(SystemFault):
    """Docker refused or failed; ``status`` is its HTTP status, None when it did not answer."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class DockerTimeout(DockerFault):
    """Docker did not answer within the call's time limit (behaviour 88)."""


def launch_fault(fault: DockerFault, image: str, managed: bool) -> InvokerError:
    """The error for a container that could not be created or started."""
    if fault.status == 404 and "image" in str(fault).lower():
        if managed:
            return SystemFault(
                f"runtime image {image!r} is not on this host; runtime images are never pulled"
                " by the invoker, so load or pull it by hand"
            )
        return DeveloperFault(texts.image_pull_failed(image))
    # A host whose kernel has AppArmor and whose Docker finds no apparmor_parser says so in the
    # same words, but starts no image at all.
    hosts_own = "AppArmor" in str(fault)
    if fault.status is not None and not hosts_own and _NOT_EXECUTABLE.search(str(fault)):
        return DeveloperFault(texts.EXECUTABLE_NOT_FOUND)
    return fault
