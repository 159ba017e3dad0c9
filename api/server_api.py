"""Centrifugo's HTTP API for backends: `POST /api/<method>`, `/api/batch`, and the legacy `/api`.

Answers are HTTP 200 with `result` or `error`, except in transport error mode; a wrong key is 401, an unreadable body
400 with the reason in plain text. Source: docs/protocol.md section 7.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, Raw, Struct, UnsetType

from api.api_key import APIKey
from api.publish_runs import publish_run, runs_of
from api.server_api_methods import METHODS, bad_request, error_body, publish
from api.server_api_requests import BatchRequest
from hub.errors import EngineUnavailable, ReplyError
from hub.protocol import codes
from hub.protocol.surrogates import mend_surrogates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from api.config import ServerAPIConfig
    from api.server_api_requests import BatchCommand
    from hub.hub import Hub

logger = logging.getLogger(__name__)

T = TypeVar("T")

ERROR_MODE_HEADER = "X-Centrifugo-Error-Mode"

STATUS_OF_ERROR = {100: 500, 102: 404, 104: 404, 107: 400, 108: 400, 112: 416, 113: 409}

MAX_BATCH_COMMANDS = 10_000

COMMANDS_PER_SLICE = 500
"""Commands of a batch that run before other work of the loop does."""

PARALLEL_COMMANDS = 100
"""Commands of a parallel batch that run at the same time."""

BODY_DEADLINE_S = 10.0
"""In which a whole body must have come: one that drips would hold its connection for ever."""

_ENCODER = msgspec.json.Encoder()


class Result(Struct, gc=False):
    result: object


class LegacyCommand(Struct, gc=False):
    method: str = ""
    params: Raw | UnsetType = UNSET


class ServerAPI:
    """The API of one hub."""

    def __init__(self, hub: Hub, config: ServerAPIConfig) -> None:
        self._hub = hub
        self._config = config
        self._key = APIKey(config)
        self._decoders = {name: msgspec.json.Decoder(request) for name, (request, _) in METHODS.items()}
        self._batch = msgspec.json.Decoder(BatchRequest)
        self._legacy = msgspec.json.Decoder(LegacyCommand)

    def add_routes(self, app: web.Application) -> None:
        prefix = self._config.handler_prefix.rstrip("/")
        for name in METHODS:
            app.router.add_post(f"{prefix}/{name}", self._handler(name))
        app.router.add_post(f"{prefix}/batch", self._guarded(self._serve_batch))
        app.router.add_post(prefix or "/", self._guarded(self._serve_legacy))

    # --- one method -------------------------------------------------------------------------------------------------

    def _handler(self, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        decoder = self._decoders[name]
        _, method = METHODS[name]
        hub = self._hub

        async def serve(request: web.Request, body: bytes) -> web.Response:
            try:
                result = await method(hub, _decode(decoder.decode, body or b"{}"))
            except ReplyError as failure:
                return self._refused(request, failure)
            except EngineUnavailable:
                return self._refused(request, ReplyError(codes.INTERNAL))
            return _json(_ENCODER.encode(Result(result)))

        return self._guarded(serve)

    def _guarded(
        self, serve: Callable[[web.Request, bytes], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Check the key before the body is read, and the body before anything is done."""

        async def handle(request: web.Request) -> web.Response:
            if not self._key.admits(request):
                return web.Response(status=401)
            body = await _read_body(request)
            try:
                if not body.isascii():
                    body.decode()
                return await serve(request, body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
                return web.Response(status=400, text=_describe(exc))

        return handle

    def _refused(self, request: web.Request, failure: ReplyError) -> web.Response:
        mode = request.headers.get(ERROR_MODE_HEADER) or self._config.error_mode
        if mode == "transport":
            status = STATUS_OF_ERROR.get(failure.error.code, 400)
            return _json(_ENCODER.encode(error_body(failure)), status)
        return _json(_ENCODER.encode({"error": error_body(failure)}))

    # --- several ----------------------------------------------------------------------------------------------------

    async def _serve_batch(self, request: web.Request, body: bytes) -> web.Response:
        """Run commands in order, or at once when `parallel`; a failed one does not stop the others."""
        batch = _decode(self._batch.decode, body or b"{}")
        if len(batch.commands) > MAX_BATCH_COMMANDS:
            return self._refused(request, bad_request("commands", f"has more than {MAX_BATCH_COMMANDS} entries"))
        step = PARALLEL_COMMANDS if batch.parallel else COMMANDS_PER_SLICE
        run = self._run_at_once if batch.parallel else self._run_in_order
        replies: list[dict[str, Any]] = []
        for start in range(0, len(batch.commands), step):
            replies += await run(batch.commands[start : start + step])
            await asyncio.sleep(0)
        return _json(_ENCODER.encode({"replies": replies}))

    async def _run_in_order(self, commands: list[BatchCommand | None]) -> list[dict[str, Any]]:
        replies: list[dict[str, Any]] = []
        for run in runs_of(commands):
            if len(run) == 1:
                replies.append(await self._run(run[0]))
            else:
                replies += await publish_run(self._hub, [command.publish for command in run])  # type: ignore[union-attr, misc]  # as runs_of has found
        return replies

    async def _run_at_once(self, commands: list[BatchCommand | None]) -> list[dict[str, Any]]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._run(command)) for command in commands]
        return [task.result() for task in tasks]

    async def _run(self, command: BatchCommand | None) -> dict[str, Any]:
        try:
            if command is not None and command.publish is not UNSET:  # nearly all are: no look-up (bench: HTTP publish)
                return {"publish": await publish(self._hub, command.publish)}
            name, request = _method_of(command)
            if request is None:
                raise bad_request("command", "names no method")
            return {name: await METHODS[name][1](self._hub, request)}
        except ReplyError as failure:
            return {"error": error_body(failure)}
        except EngineUnavailable:
            return {"error": error_body(ReplyError(codes.INTERNAL))}

    async def _serve_legacy(self, request: web.Request, body: bytes) -> web.Response:  # noqa: ARG002  # as _serve_batch
        """Lines of {"method", "params"}, one answer line each (clients older than cent 5)."""
        commands = _decode(self._legacy.decode_lines, body)
        if not commands or len(commands) > MAX_BATCH_COMMANDS:
            raise msgspec.DecodeError(f"expected 1 to {MAX_BATCH_COMMANDS} commands, one per line")
        lines: list[bytes] = []
        for count, command in enumerate(commands, 1):
            lines.append(_ENCODER.encode(await self._run_legacy(command)))
            if count % COMMANDS_PER_SLICE == 0:
                await asyncio.sleep(0)
        return _json(b"\n".join(lines))

    async def _run_legacy(self, command: LegacyCommand) -> object:
        try:
            if command.method not in METHODS:
                raise ReplyError(codes.METHOD_NOT_FOUND)
            params = b"{}" if command.params is UNSET else bytes(command.params)
            _, method = METHODS[command.method]
            return Result(await method(self._hub, self._decoders[command.method].decode(params)))
        except msgspec.DecodeError as exc:
            return {"error": error_body(bad_request("params", str(exc)))}
        except ReplyError as failure:
            return {"error": error_body(failure)}
        except EngineUnavailable:
            return {"error": error_body(ReplyError(codes.INTERNAL))}


async def _read_body(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():
            return await request.read()  # it is here already, as nearly always: no timer
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await request.read()
    except TimeoutError as exc:
        raise web.HTTPRequestTimeout(text="body: did not arrive in time") from exc
    except web.RequestPayloadError as exc:
        raise _unreadable(request) from exc


def _unreadable(request: web.Request) -> web.HTTPException:
    """The chunks or the compression are broken: nobody can tell where the next request would begin."""
    request.content.feed_eof()  # or aiohttp goes on reading when the answer is out, and takes the error for ours
    answer = web.HTTPBadRequest(text="body: cannot be read")
    answer.force_close()
    return answer


def _decode(decode: Callable[[bytes], T], body: bytes) -> T:
    """Read a body; halves of surrogate pairs in it are mended (hub.protocol.surrogates)."""
    try:
        return decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = mend_surrogates(body)
        if mended == body:
            raise
        return decode(mended)


def _method_of(command: BatchCommand | None) -> tuple[str, Any]:
    if command is not None:
        for name in METHODS:
            request = getattr(command, name)
            if request is not UNSET:
                return name, request
    return "", None


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _describe(exc: Exception) -> str:
    """What is wrong with a body: msgspec names the path (`$.channel`), never the value."""
    if isinstance(exc, UnicodeDecodeError):
        return "body is not UTF-8"
    return "body is nested too deeply" if isinstance(exc, RecursionError) else str(exc)
