"""Network namespaces made ahead of the containers that will use them.

Two thirds of the time that Docker takes to start a container go into its network. A container that
joins one that is there already starts in half the time. All of it is Docker's Engine API: what
holds a namespace is a container of its own, in which one tiny program sleeps.
"""
