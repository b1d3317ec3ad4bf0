"""The page: Make, Compare, Read, Browse, About. Run this file on a Space, or `3dpain demo` on a laptop."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

# absolute: see the end
from threedpain.spaces import about, api, browse, compare, engine, gate, make, memory, read, thumbnails
from threedpain.spaces.theme import CSS, THEME

QUEUE_LENGTH = 24  # requests waiting beyond this get an honest "busy"
SECONDS_KEPT = 10 * 60  # after which temporary files are deleted


def build() -> gate.Page:
    """The whole page; nothing is rendered until it is opened."""
    with gate.Page(title="3DPain", delete_cache=(60, SECONDS_KEPT), analytics_enabled=False) as page:
        gr.HTML(
            "<header><h1>3DPain</h1><p>Move a muscle and watch a face wince: synthetic people, exact labels, and a "
            "model that reads them. For research; not a medical device.</p></header>",
            elem_id="masthead",
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Make", id="make"):
                made = make.build()
            with gr.Tab("Compare", id="compare") as compare_tab:
                compared = compare.build()
            with gr.Tab("Read", id="read"):
                reading = read.build()
            with gr.Tab("Browse", id="browse") as browse_tab:
                found = browse.build()
            with gr.Tab("About", id="about"):
                about.build()
        api.build()
        page.load(**made.first_call, concurrency_id="render", show_progress="hidden", api_visibility="private")
        compare_tab.select(**compared, concurrency_id="render", show_progress="minimal", api_visibility="private")
        browse_tab.select(**found, concurrency_id="browse", show_progress="minimal", api_visibility="private")
        made.send.click(
            read.read_made, [made.made, reading.strength], reading.receive, concurrency_id="read",
            api_visibility="private",
        ).then(lambda: gr.Tabs(selected="read"), None, tabs, queue=False, api_visibility="private")  # fmt: skip
    return page.queue(max_size=QUEUE_LENGTH).share_the_queue()


def launch(host: str = "127.0.0.1", port: int | None = None) -> None:
    """Serve the page until interrupted. It listens on the loopback interface unless told otherwise."""
    memory.few_arenas()
    engine.reading_of(make.first_request())  # before the first visitor, not while they wait
    style = CSS + thumbnails.css()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped Space tidies up like an interrupted demo
    with tempfile.TemporaryDirectory(prefix="3dpain-demo-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        stop = gate.keep_swept(Path(uploads), SECONDS_KEPT)
        hosts = gate.LOOPBACK if host in gate.LOOPBACK else None
        guard = Middleware(gate.Gate, uploads=Path(uploads), hosts=hosts)
        build().launch(
            server_name=host, server_port=port, theme=THEME, css=style, max_file_size=f"{engine.UPLOAD_MEGABYTES}mb",
            show_error=False, ssr_mode=False, footer_links=["api"], run_history=False,
            app_kwargs={"middleware": [guard]},
        )  # fmt: skip
        stop.set()


if __name__ == "__main__":
    # A Space runs this file itself: hence the absolute imports. Its container is reached through its proxy.
    launch(host="0.0.0.0")
