"""The two families of errors: the system's fault, and the developer's or user's fault.

OpenWhisk's response codes follow from the family (``wire.response``): a :class:`SystemFault`
becomes a whisk error (3) and counts against the invoker's health; a :class:`DeveloperFault`
becomes a developer error (2) and an :class:`ApplicationFault` an application error (1).
"""

from __future__ import annotations


class InvokerError(Exception):
    """Base of every error that this program raises on purpose; its text is one clear line."""


class SystemFault(InvokerError):
    """Our fault or our surroundings' (Docker, Kafka, the store): a whisk error."""


class UserFault(InvokerError):
    """The fault of who wrote or invoked the action; never counts against health."""


class DeveloperFault(UserFault):
    """The action or its image is at fault: a developer error (status code 2)."""


class ApplicationFault(UserFault):
    """The request is at fault (deleted action, exceeded limit): an application error (1)."""


class ConfigurationError(InvokerError):
    """A setting is missing or wrong; the text names the setting and what to do. Exit code 78."""


class MalformedMessage(InvokerError):
    """Bytes from the bus that are not the message they should be; nothing is owed for them."""


class MalformedDocument(SystemFault):
    """A document in the store that is not what its type promises (behaviour 25)."""
