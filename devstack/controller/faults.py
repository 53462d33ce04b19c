"""What the API refuses, and with which status; texts as OpenWhisk's, since clients show them."""

from __future__ import annotations


class ApiFault(Exception):
    """A request that ends with ``status`` and the one-line ``text`` in the error body."""

    status = 500

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadRequest(ApiFault):
    """400: the request is malformed or asks for something outside the limits."""

    status = 400

    @classmethod
    def malformed(cls, reason: str) -> BadRequest:
        """The body or a parameter does not have the form it must have."""
        return cls(f"The request content was malformed:\n{reason}")


class Unauthorized(ApiFault):
    """401: no key, or one that nobody has."""

    status = 401

    def __init__(self, text: str = "The supplied authentication is invalid.") -> None:
        super().__init__(text)


class Forbidden(ApiFault):
    """403: the key is good, but not for this."""

    status = 403

    def __init__(
        self, text: str = "The supplied authentication is not authorized to access this resource."
    ) -> None:
        super().__init__(text)


class NotFound(ApiFault):
    """404: there is no such entity."""

    status = 404

    def __init__(self, text: str = "The requested resource does not exist.") -> None:
        super().__init__(text)


class Conflict(ApiFault):
    """409: it exists already, is of another type, or was changed meanwhile."""

    status = 409

    def __init__(self, text: str = "Concurrent modification to resource detected.") -> None:
        super().__init__(text)


class TooLarge(ApiFault):
    """413: a payload or an action's code over the limit."""

    status = 413

    def __init__(self, what: str, size: int, allowed: int) -> None:
        super().__init__(f"{what} larger than allowed: {size} > {allowed} bytes.")


class Unavailable(ApiFault):
    """503: Kafka, the store or every invoker is away; says which."""

    status = 503
