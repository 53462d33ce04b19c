"""A Python invoker for Apache OpenWhisk that starts RDMA functions by fork.

The way of one activation: ``bus`` reads a message, ``invoker`` resolves its action through
``store``, ``pool`` decides how it starts, ``containers`` carries that out, and the result goes
back over ``bus`` and ``store``. ``docs/architecture.md`` draws it.
"""

__version__ = "0.1.0"
