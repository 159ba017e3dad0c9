"""Engines: what stands behind `hub.engine.Engine`. Each keeps the streams, the presence and the word between nodes.

Nouns
    memory   all of it in this process: one node, gone with it. The default, and the reference for the others.

An engine joins by adding itself to tests/contract/conftest.py and passing what is there, unchanged.
"""
