"""`3dpain demo`: the Gradio app on this machine."""

import socket
from typing import Annotated

import typer

from threedpain.errors import InvalidInput


def command(
    host: Annotated[str, typer.Option(help="Address to listen on; 127.0.0.1 is this machine alone.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port, 1 to 65535. Default: the first free one from 7860.", min=1, max=65535)
    ] = None,
) -> None:
    """Open the demo: make a face, read a face, browse the set."""
    from threedpain.extras import need_extra

    need_extra("gradio", "space")
    _check_free(host, port)  # before everything is loaded, and in words
    from threedpain.spaces.app import launch

    launch(host=host, port=port)


def _check_free(host: str, port: int | None) -> None:
    """InvalidInput unless this machine can listen there; None: any port."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host.strip("[]"), port or 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            probe.bind(address)
    except (OSError, UnicodeError) as problem:  # the latter of a host that is no name
        where = host if port is None else f"{host}, port {port}"
        why = getattr(problem, "strerror", None) or "no name of a machine"
        raise InvalidInput(f"cannot listen on {where} ({why}); name another --host or --port") from None
