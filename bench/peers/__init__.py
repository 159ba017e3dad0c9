"""Servers that others would build with what there is, each in its own documented way, each only fanning out.

- `broadcast_server`: PyPI `websockets`, its `broadcast()`;
- `socketio_server`: PyPI `python-socketio` on aiohttp;
- `node/server.js`: npm `socket.io`;
- `nchan.conf`: nginx with nchan.
"""
