"""The least that each kind of work can cost in Python on this machine: servers that do that work and nothing else.

- `send_loop`: one `socket.send` per delivery, frames built beforehand;
- `http_decode`: an aiohttp handler that decodes the JSON body and answers;
- `websocket_reply`: an aiohttp WebSocket that answers any text with the same short text.
"""
