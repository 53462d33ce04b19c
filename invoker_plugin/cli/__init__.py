"""The command ``swift-invoker``."""
