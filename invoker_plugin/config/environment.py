"""OpenWhisk's environment variables, as its start script reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from invoker_plugin.config import values
from invoker_plugin.config.setting import Setting
from invoker_plugin.config.settings import all_settings

_PREFIX = "CONFIG_whisk_"

# Set by OpenWhisk's own deployment for its invoker, and without a meaning for this one.
_WITHOUT_MEANING = (
    "CONFIG_whisk_spi_",
    "CONFIG_whisk_db_",
    "CONFIG_whisk_mongodb_",
    "CONFIG_whisk_etcd_",
    "CONFIG_whisk_scheduler_",
    "CONFIG_whisk_runtimes_",
    "CONFIG_whisk_transactions_header",
    "CONFIG_whisk_containerPool_pekkoClient",
    "CONFIG_whisk_containerPool_memorySyncInterval",
    "CONFIG_whisk_containerPool_prewarmPromotion",
    "CONFIG_whisk_docker_containerFactory_useRunc",
    "CONFIG_whisk_invoker_https_keystoreFlavor",
    "CONFIG_whisk_kafka_topics_",
    "CONFIG_whisk_parameterStorage_current",
)


def read(environ: Mapping[str, str], declared: Setting) -> Any:
    """Return the setting's value as text, list or table; ``None`` where it is not set.

    An empty variable is unset, since OpenWhisk's playbook sets many to nothing.
    """
    if declared.variable is None:
        return None
    if declared.kind is values.LINES:
        return _numbered(environ, declared.variable) or None
    if declared.kind is values.OPTIONS:
        return _options(environ, declared.variable) or None
    return _value(environ, declared.variable) or None


def unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """Return the variables of OpenWhisk's invoker that are set, but that nothing here reads."""
    known = {declared.variable for declared in all_settings()}
    prefixes = _WITHOUT_MEANING + tuple(
        f"{declared.variable}_"
        for declared in all_settings()
        if declared.kind in (values.LINES, values.OPTIONS)
    )
    for name in sorted(environ):
        ours = name in known or name.startswith(prefixes)
        if name.startswith(_PREFIX) and environ[name] and not ours:
            yield name


def _value(environ: Mapping[str, str], name: str) -> str:
    """Return a variable's value; ``$OTHER`` stands for that of another one."""
    value = environ.get(name, "")
    return (environ.get(value[1:]) or value) if value.startswith("$") else value


def _numbered(environ: Mapping[str, str], name: str) -> list[str]:
    """Return the values of ``NAME_0``, ``NAME_1``... in order; a list may have holes."""
    found = {}
    for key in environ:
        prefix, _, number = key.rpartition("_")
        if prefix == name and number.isdigit():
            found[int(number)] = _value(environ, key)
    return [found[number] for number in sorted(found) if found[number]]


def _options(environ: Mapping[str, str], name: str) -> dict[str, list[str]]:
    """Return ``NAME_<option>_<n>`` as a table of options."""
    names = {
        key[len(name) + 1 :].rpartition("_")[0] for key in environ if key.startswith(f"{name}_")
    }
    options = {option: _numbered(environ, f"{name}_{option}") for option in sorted(names) if option}
    return {_kebab(option): found for option, found in options.items() if found}


def _kebab(name: str) -> str:
    """Return ``capAdd`` as ``cap-add``: OpenWhisk writes Docker's options in camel case."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
