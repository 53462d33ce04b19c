"""Puts our files into a checkout of OpenWhisk, and takes them out again.

Standard library only: it runs where OpenWhisk is deployed from, with that machine's Python.
"""
