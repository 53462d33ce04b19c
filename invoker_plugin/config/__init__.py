"""Settings: OpenWhisk's environment variables, a TOML file, and the command line.

:func:`invoker_plugin.config.loading.load` reads them all and names every fault at once.
"""
