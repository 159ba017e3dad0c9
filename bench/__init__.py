"""Compares Syncline with the floor under it and with its peers, in one run. `bench/README.md` has the method.

- `load`: the generator, a process of its own on core 1;
- `subjects`: what is measured, each started on core 0: Syncline, a server given by address, `floors`, `peers`, and
  `parts` of Syncline by themselves;
- `scenarios`: what is measured about them;
- `backlog`, `outbox_rows`: what waits in a queue or a table until a phase begins;
- `flush`: how long a database's flushes take;
- `process_tree`: CPU time and memory of a server; `pinned`: processes bound to a core;
- `results`: measurements over the runs; `gates`: the bounds they are held to; `report`: the tables.
"""
