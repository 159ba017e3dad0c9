"""The load generator: one process, one thread, one core of its own.

It speaks to servers over plain non-blocking sockets and epoll, without an event loop: a delivered message must cost
it less than it costs any server. Its nouns:

- `target`: where a server is and which dialect it speaks; `dialects`: joining, keeping alive and publishing in each;
- `frames`, `responses`, `message`: WebSocket, HTTP and the 128-byte message, as far as a generator needs them;
- `dialer` opens joined connections; `swarm` reads many of them; `publisher` publishes to them;
- `fan_out`, `stall`, `closed_loop` (with `requests`) are the phases; `latency` holds what a phase saw;
- `orders` is the language the orchestrator speaks with it; `generator` carries them out.
"""
