"""The host's side of patches/rdma-core: the device-discovery cache that containers read."""
