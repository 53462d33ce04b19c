"""Our files, and where in a checkout each belongs."""

from __future__ import annotations

from pathlib import Path

from swift_overlay.checkout import SPI, Checkout

HERE = Path(__file__).resolve().parent.parent
PACKAGE = "org.apache.openwhisk.core.loadBalancer.swift"
BALANCER_CLASS = f"{PACKAGE}.SwiftBalancer"
_SOURCES = "core/controller/src/main/scala/" + PACKAGE.replace(".", "/")
_GROUP_VARS = "ansible/group_vars"
_MADE_BY = "# Put here by swift-invoker's overlay; `overlay.py remove` takes it away.\n"


def files(checkout: Checkout, balancer: bool) -> dict[str, bytes]:
    """Every file to add, by its name in the checkout."""
    found = {
        f"ansible/swift/{file.name}": file.read_bytes()
        for file in sorted((HERE / "ansible").glob("*.yml"))
    }
    plugins = (
        f"{_MADE_BY}"
        "# OpenWhisk's invoker role includes these before it would start its own invoker.\n"
        'invoker_plugins:\n  - "{{ playbook_dir }}/swift/invoker_plugin"\n'
    )
    found[f"{_GROUP_VARS}/swift_invokers/swift.yml"] = plugins.encode()
    if balancer:
        found |= _balancer(checkout)
    return found


def _balancer(checkout: Checkout) -> dict[str, bytes]:
    folders = [HERE / "scala/main", HERE / "scala" / checkout.actors]
    found = {
        f"{_SOURCES}/{file.name}": file.read_bytes()
        for folder in folders
        for file in sorted(folder.glob("*.scala"))
    }
    found[f"{_GROUP_VARS}/controllers/swift.yml"] = (
        f'{_MADE_BY}{SPI}: "{BALANCER_CLASS}"\n'.encode()
    )
    return found
