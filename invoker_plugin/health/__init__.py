"""Telling the controllers that this invoker lives, as long as it really does."""
