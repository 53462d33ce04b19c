"""Which records are stored at all (behaviour 126)."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.wire.response import APPLICATION_ERROR, SUCCESS, ActivationResponse

ALWAYS = "STORE_ALWAYS"
FAILURES = "STORE_FAILURES"
FAILURES_NOT_APPLICATION_ERRORS = "STORE_FAILURES_NOT_APPLICATION_ERRORS"


@dataclass(frozen=True, slots=True)
class StoreLevels:
    """The operator's choice, apart for blocking and non-blocking activations."""

    blocking: str = ALWAYS
    non_blocking: str = ALWAYS

    def wants(
        self,
        response: ActivationResponse,
        *,
        blocking: bool,
        namespace_stores: bool | None = None,
        debug: bool = False,
    ) -> bool:
        """Whether to store a record.

        ``namespace_stores`` is the namespace's own ``storeActivations`` limit; ``debug`` is the
        request for extra logging, which always stores.
        """
        if debug:
            return True
        if namespace_stores is False:
            return False
        level = self.blocking if blocking else self.non_blocking
        if level == FAILURES:
            return response.status_code != SUCCESS
        if level == FAILURES_NOT_APPLICATION_ERRORS:
            return response.status_code not in (SUCCESS, APPLICATION_ERROR)
        return True
