"""The invoker as a container image."""
