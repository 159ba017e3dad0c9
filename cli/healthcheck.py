"""`syncline healthcheck`: for a container's HEALTHCHECK, so standard library only."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

import typer

from cli.console import fail

TIMEOUT_S: Final = 2.0
DEFAULT_URL: Final = "http://127.0.0.1:8000/healthz"

UrlOption = Annotated[str, typer.Option("--url", help="Where to ask.")]


def healthcheck(url: UrlOption = DEFAULT_URL) -> None:
    """Exit with 0 when the server answers that it is well, with 1 when not."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, build_opener

    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("must start with http:// or https://", param_hint="--url")
    # HTTP_PROXY is for what leaves the machine; the question goes to the server beside us.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT_S) as response:
            status = response.status
    except HTTPError as exc:
        exc.close()
        status = exc.code
    except URLError as exc:
        fail(f"{url}: {exc.reason}")
    except (OSError, HTTPException) as exc:
        fail(f"{url}: {exc!r}")
    if status != HTTPStatus.OK:
        fail(f"{url}: HTTP status {status}")
    typer.echo("ok")
