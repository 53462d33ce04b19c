"""The invoker's own HTTP server: what the deployer and the operator ask of it."""
