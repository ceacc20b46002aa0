"""A small typed client of a node's JSON interface, for programs written in Python.

It needs httpx, pydantic and this project's ``protocol`` package, and nothing else of it.
"""
