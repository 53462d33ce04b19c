"""An inventory of the devstack, under the names of OpenWhisk's own variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devstack.machine import qemu
from devstack.machine.virtual import VirtualMachine
from devstack.manifest import runtimes_manifest
from devstack.secrets import Secrets
from devstack.stack import Stack


def virtual_variables(machine: VirtualMachine) -> dict[str, Any]:
    """How ansible reaches a virtual machine: by ssh, as the devstack does."""
    argv = machine.command()
    configuration = Path(argv[argv.index("-F") + 1])
    return {
        "ansible_host": argv[-1],
        "ansible_user": "root",
        "ansible_ssh_common_args": f"-F {configuration}",
    }


def group_variables(stack: Stack) -> dict[str, Any]:
    """What OpenWhisk's group_vars say about a deployment, here of the devstack."""
    store = stack.store.address
    return {
        "kafka_connect_string": stack.kafka.machine_hosts,
        "db_protocol": store.protocol,
        "db_host": qemu.HOST_ADDRESS,
        "db_port": store.port,
        "db_prefix": "local_",
        "db_invoker_user": store.user,
        "db_invoker_pass": store.password,
        "whisk_api_host_proto": "http",
        "whisk_api_host_name": qemu.HOST_ADDRESS,
        "whisk_api_host_port": int(stack.api.url.rpartition(":")[2]),
        "user_events_enabled": True,
        "invoker_user_memory": "1024m",
        "invoker_username": "operator",
        "invoker_password": Secrets(stack.paths).password("invoker"),
        "runtimes_manifest": runtimes_manifest(),
        "swift_invoker_controllers": [stack.api.url],
    }
