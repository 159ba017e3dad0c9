"""The least that each kind of work can cost in Python on this machine: servers that do that work and nothing else.

- `send_loop`: one `socket.send` per delivery, frames built beforehand;
- `http_decode`: an aiohttp handler that decodes the JSON body and answers;
- `websocket_reply`: an aiohttp WebSocket that answers any text with the same short text;
- `sqlite_commits`, `postgres_commits`: the rows of a mutation (`mutation_rows`) and a commit, by the driver alone;
  `pgbench` the same in C. They work `on_request`, without a server of their own.
- `rabbitmq_consumer`: a consumer that acknowledges in groups and does nothing else.
"""
