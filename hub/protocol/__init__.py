"""The wire: what clients and the hub say to each other, as values and as bytes. Pure.

Nouns
    Command      one request of a client: an id and exactly one method with its request.
    Reply        one answer or push of the server.
    Push         what the server says unasked: publication, join, leave, unsubscribe, message, ...
    Publication  one message of a channel, with its offset when the channel keeps history.
    Codec        turns commands and replies into bytes and back (JSON here, Protobuf beside it).
    Framing      puts encoded messages on one kind of transport (a WebSocket text frame, ...).
    ErrorCode, Disconnect, Unsubscribed
                 every number a client can meet, with what it should do about it.

Nothing here touches a loop, a socket or a clock. Source: docs/protocol.md.
"""
