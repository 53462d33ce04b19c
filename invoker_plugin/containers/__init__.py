"""Containers: Docker Engine, the HTTP between invoker and container, and the logs.

``factory`` makes containers, ``container`` is one of them, ``interface`` is what the flow needs of
both, and ``stub`` is an in-memory stand-in. Policy (which container, when) is in ``pool``.
"""
