"""`3dpain demo`: the Gradio app on this machine."""

from typing import Annotated

import typer


def command(
    host: Annotated[str, typer.Option(help="Address to listen on; 127.0.0.1 is this machine alone.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port, 1 to 65535. Default: the first free one from 7860.", min=1, max=65535)
    ] = None,
) -> None:
    """Open the demo: make a face, read a face, browse the set."""
    from threedpain.extras import need_extra

    need_extra("gradio", "space")
    from threedpain.spaces.app import launch

    launch(host=host, port=port)
