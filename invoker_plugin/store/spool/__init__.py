"""Records on disk until the store has them: what was acknowledged outlives the process."""

from invoker_plugin.store.spool.entry import Entry
from invoker_plugin.store.spool.segment import Segment
from invoker_plugin.store.spool.spool import Spool

__all__ = ["Entry", "Segment", "Spool"]
