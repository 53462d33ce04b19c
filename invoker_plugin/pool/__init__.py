"""Start decisions: a pure state machine. It imports neither Kafka nor Docker, nor a clock."""

from invoker_plugin.pool.pool import Pool
from invoker_plugin.pool.settings import PoolSettings, PrewarmTarget

__all__ = ["Pool", "PoolSettings", "PrewarmTarget"]
