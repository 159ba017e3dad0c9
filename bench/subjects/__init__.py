"""What is measured. `subject` is the shape.

- `centrifuge`: Syncline as a hub, and other servers of its protocol; `accounts`: Syncline with accounts and a database;
- `floors`, `peers`; `commits`: the rows of shared state without a server; `postgres`: the database they share.
"""
