"""The page: Make, Read, Browse, About. Run this file on a Space, or `3dpain demo` on a laptop."""

from __future__ import annotations

import gradio as gr

from threedpain.spaces import about, browse, engine, make, read
from threedpain.spaces.theme import CSS, THEME

QUEUE_LENGTH = 24  # requests waiting beyond this get an honest "busy"
MINUTES_KEPT = 10 * 60  # seconds after which temporary files are deleted


def build() -> gr.Blocks:
    """The whole page; nothing is rendered until it is opened."""
    with gr.Blocks(title="3DPain", delete_cache=(60, MINUTES_KEPT), analytics_enabled=False) as page:
        gr.HTML(
            "<header><h1>3DPain</h1><p>Move a muscle and watch a face wince: synthetic people, exact labels, and a "
            "model that reads them. For research; not a medical device.</p></header>",
            elem_id="masthead",
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Make", id="make"):
                made = make.build()
            with gr.Tab("Read", id="read"):
                reading = read.build()
            with gr.Tab("Browse", id="browse") as browse_tab:
                found = browse.build()
            with gr.Tab("About", id="about"):
                about.build()
        page.load(**made.first_call, concurrency_id="render", show_progress="hidden", api_visibility="private")
        browse_tab.select(**found, concurrency_id="browse", show_progress="minimal", api_visibility="private")
        *read_outputs, strength = reading.outputs
        made.send.click(
            read.read_made, [made.made, strength], read_outputs, concurrency_id="read", api_visibility="private"
        ).then(lambda: gr.Tabs(selected="read"), None, tabs, queue=False, api_visibility="private")
    return page.queue(max_size=QUEUE_LENGTH)


def launch(host: str = "127.0.0.1", port: int | None = None, **options) -> None:
    """Serve the page. It listens on the loopback interface unless told otherwise."""
    engine.pipeline()
    build().launch(
        server_name=host, server_port=port, theme=THEME, css=CSS, max_file_size=f"{engine.UPLOAD_MEGABYTES}mb",
        show_error=False, ssr_mode=False, footer_links=["api"], **options,
    )  # fmt: skip


if __name__ == "__main__":
    launch(host="0.0.0.0")  # a Space's container is reached through its proxy
