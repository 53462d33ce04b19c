"""The runtime of forked actions: proxy (process 1), template (zygote), workers (forks of it).

It speaks docs/runtime-protocol.md. Standard library only, and nothing of the invoker.
"""

PROTOCOL = 1
"""Version of docs/runtime-protocol.md that is spoken."""
