"""The page's look: warm clay on paper by day, ember on slate by night. Fonts are the system's: nothing is fetched."""

from __future__ import annotations

import gradio as gr

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.orange,
    secondary_hue=gr.themes.colors.stone,
    neutral_hue=gr.themes.colors.stone,
    radius_size=gr.themes.sizes.radius_md,
    font=("ui-sans-serif", "system-ui", "Segoe UI", "sans-serif"),
    font_mono=("ui-monospace", "Consolas", "monospace"),
).set(
    body_background_fill="#faf7f2",
    body_background_fill_dark="#171412",
    block_background_fill="#ffffff",
    block_background_fill_dark="#211d1a",
    block_border_width="1px",
    block_shadow="none",
    button_primary_background_fill="#a3431f",
    button_primary_background_fill_dark="#a3431f",
    button_primary_background_fill_hover="#8a3618",
    button_primary_background_fill_hover_dark="#8a3618",
    button_primary_text_color="#ffffff",
    body_text_color="#292524",
    body_text_color_dark="#f2ede8",
    body_text_color_subdued="#57504a",
    body_text_color_subdued_dark="#bdb4ac",
    block_info_text_color="#57504a",
    block_info_text_color_dark="#bdb4ac",
    block_label_text_color="#57504a",
    block_label_text_color_dark="#d6cec7",
    block_title_text_color="#292524",
    block_title_text_color_dark="#f2ede8",
    input_placeholder_color="#6b635c",
    input_placeholder_color_dark="#aaa199",
    link_text_color="#8a3618",
    link_text_color_dark="#f2a07b",
    link_text_color_visited="#8a3618",
    link_text_color_visited_dark="#f2a07b",
    color_accent="#a3431f",
    slider_color="#b4501f",
    slider_color_dark="#ef8354",
)

CSS = """
.gradio-container { width: 100% !important; max-width: min(1280px, 100vw) !important; margin: 0 auto !important; }
.gradio-container .column, .gradio-container .row > * { min-width: 0; }
#masthead h1 { font-size: 1.9rem; letter-spacing: -0.02em; margin: .2rem 0 0; }
#masthead p { margin: .2rem 0 .4rem; max-width: 72ch; }
.prose-page { gap: 2.5rem !important; }
.prose-page table { font-variant-numeric: tabular-nums; display: block; overflow-x: auto; border: 0 !important; }
.prose-page thead, .prose-page tbody, .prose-page tr { border: 0 !important; }
.prose-page th, .prose-page td { border: 0 !important; border-bottom: 1px solid rgba(128, 128, 128, .35) !important;
  padding: .3rem .6rem !important; text-align: left; word-break: normal !important; overflow-wrap: normal !important; }
.prose-page pre code { white-space: pre-wrap; overflow-wrap: anywhere; }
.prose-page ul { margin-top: .8rem; }
.prose-page h2:not(:first-child) { margin-top: 1.4rem !important; }
.picture .image-container, .picture .image-frame, .picture img { width: 100%; height: 100%; object-fit: contain; }
.picture { aspect-ratio: 1; min-height: 0 !important; }
.trouble:not(:has(.problem)), #reading-curve:not(:has(svg)), #reading-units:not(:has(li)) { display: none !important; }

.workbench { display: grid !important; grid-template: auto 1fr / minmax(0, 2fr) minmax(0, 3fr); gap: .9rem 1.4rem; }
.workbench > .choices { grid-area: 1 / 1; align-self: start; }
.workbench > .controls { grid-area: 2 / 1; align-self: start; }
.workbench > .stage { grid-area: 1 / 2 / 3 / 3; align-self: stretch; }
.workbench .faces { position: sticky; top: 0; z-index: 60; padding: .3rem 0; gap: .2rem;
  background: var(--body-background-fill); }
/* A box that scrolls, or could, would hold what is sticky: only the page may scroll around the faces. */
.gradio-container:has(.faces), .gradio-container :has(.faces) { overflow: visible !important; }
.pair { flex-wrap: nowrap !important; }
.measures { gap: .3rem !important; }
.dials { display: grid !important; grid-template-columns: 1fr 1fr 1.3fr; align-items: start; }
.summary { margin: 0; font-variant-numeric: tabular-nums; }
@media (min-width: 761px) and (min-height: 860px) {
  .workbench > .stage { align-self: start; position: sticky; top: 0; }
  .workbench .faces { position: static; }
}

.thumbnails .wrap { display: grid !important; grid-template-columns: repeat(auto-fill, minmax(76px, 1fr)); gap: .4rem; }
.thumbnails label { position: relative; flex-direction: column; justify-content: start; gap: .2rem;
  padding: .3rem !important; text-align: center; font-size: .8rem !important; line-height: 1.15 !important; }
.thumbnails label::before { content: ""; width: 64px; height: 64px; border-radius: .35rem; background-color: #8884;
  background-repeat: no-repeat; }
.thumbnails label > span { margin: 0 !important; }
.thumbnails input { position: absolute; inset: 0; width: 100% !important; height: 100% !important; margin: 0;
  opacity: 0; cursor: pointer; }
label:has(> input[type=radio]) { border: 2px solid var(--border-color-primary) !important; }
label:has(> input[type=radio]:checked) { border-color: #a3431f !important; font-weight: 700 !important;
  background: rgba(180, 80, 31, .12) !important; color: var(--body-text-color) !important; }
.dark label:has(> input[type=radio]:checked) { border-color: #ef8354 !important; }
label:has(> input[type=radio]:focus-visible) { outline: 3px solid #b4501f; outline-offset: 2px; }
.dark label:has(> input[type=radio]:focus-visible) { outline-color: #ef8354; }

.results .picture { max-width: 26rem; }
.results:not(:has(#reading img)) .once { display: none !important; }
.results:has(#reading img) .until { display: none !important; }
.opened:not(:has(img)) { display: none !important; }
#clip video { max-height: 232px !important; } /* the row of sources under it stays whole */
#gallery .caption-label { opacity: 1 !important; white-space: normal !important; }

button[role=tab] { color: var(--body-text-color-subdued) !important; opacity: 1 !important; min-height: 2rem; }
button[role=tab][aria-selected=true] { color: #8a3618 !important; border-color: #a3431f !important; font-weight: 600; }
.dark button[role=tab][aria-selected=true] { color: #f2a07b !important; border-color: #ef8354 !important; }
input[type=range] { height: 24px; }
/* What is not chosen is darker than what is; the library's track is nearly white by day and by night. */
.dark input[type=range] { --neutral-200: #57504a; }
.gradio-container input:not([type=range], [type=radio], [type=checkbox], [type=file]) { min-height: 26px; }
.gradio-container button, .gradio-container select { min-width: 24px; min-height: 24px; }
footer .divider { display: none !important; }
footer button, footer a { color: var(--body-text-color-subdued) !important; min-height: 24px; }

.gauge, .curve { margin: 0; text-align: center; }
.gauge svg { display: block; width: min(100%, 220px); margin: 0 auto; }
.gauge path { fill: none; stroke-width: 16; stroke-linecap: butt; }
.gauge .track { stroke: #e4ddd3; } .dark .gauge .track { stroke: #3a332e; }
.gauge .fill { stroke: #b4501f; } .dark .gauge .fill { stroke: #ef8354; }
.gauge .band { stroke: #d58a5c; stroke-width: 5; } .dark .gauge .band { stroke: #b9724a; }
.gauge .truth { stroke: #0b6e99; stroke-width: 4; } .dark .gauge .truth { stroke: #7cc7e8; }
.gauge .value { font-size: 38px; font-weight: 700; text-anchor: middle; fill: currentColor; }
.gauge .unit { font-size: 12px; text-anchor: middle; fill: currentColor; }
.gauge figcaption { font-size: .85rem; min-height: 1.3em; }

.bars { list-style: none; margin: .3rem 0; padding: 0; }
.bars li { display: grid; margin: 0; padding: .16rem 0; gap: .1rem .6rem; align-items: center;
  grid-template-columns: minmax(8rem, 15rem) minmax(4rem, 1fr) 4.2rem; }
.pair .bars li, .dials .bars li { grid-template-columns: 1fr 2.6rem; }
.pair .bars .name, .dials .bars .name { grid-column: 1 / -1; font-size: .85rem; }
.bars .track { position: relative; height: .6rem; border-radius: .3rem; background: #e4ddd3; }
.dark .bars .track { background: #3a332e; }
.bars .fill { display: block; height: 100%; border-radius: .3rem; background: #b4501f; }
.dark .bars .fill { background: #ef8354; }
.bars .truth { position: absolute; top: -3px; width: 3px; height: calc(.6rem + 6px); background: #0b6e99; }
.dark .bars .truth { background: #7cc7e8; }
.bars .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; font-size: .85rem; }
h2 { margin: .6rem 0 .2rem !important; font-size: 1.15rem !important; font-weight: 650; }
h3 { margin: .3rem 0 .2rem !important; font-size: 1rem !important; font-weight: 600; }

.curve svg { width: 100%; max-width: 640px; }
.curve polyline { fill: none; stroke: #b4501f; stroke-width: 2; } .dark .curve polyline { stroke: #ef8354; }
.curve circle { fill: #b4501f; } .dark .curve circle { fill: #ef8354; }
.curve .band { fill: #e9b48f; opacity: .5; } .dark .curve .band { fill: #8a5636; }
.curve .grid { stroke: currentColor; opacity: .2; }
.curve text { font-size: 11px; fill: currentColor; }

.legend { display: flex; flex-wrap: wrap; gap: .3rem .9rem; align-items: center; margin: 0; font-size: .8rem; }
.legend .ramp { flex: 1 1 6rem; max-width: 12rem; height: .6rem; border-radius: .3rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -.1rem;
  border: 1px solid rgba(128, 128, 128, .6); border-radius: .2rem; }
.cm-content span { color: var(--body-text-color) !important; }
.problem { border-left: 4px solid #b4501f; padding: .5rem .8rem; margin: .3rem 0;
  background: rgba(180, 80, 31, .10); border-radius: .3rem; }
.notice { font-size: .85rem; margin: 0; }
:focus-visible { outline: 3px solid #b4501f !important; outline-offset: 2px; }
.dark :focus-visible { outline-color: #ef8354 !important; }

@media (max-width: 760px) {
  .gradio-container main { padding: .6rem !important; }
  .workbench { display: flex !important; flex-direction: column; flex-wrap: nowrap; }
  .workbench > .stage { display: contents; }
  .workbench .measures { order: 3; } .workbench > .controls { order: 4; } .workbench > .choices { order: 2; }
  .workbench > * { width: 100%; flex: none !important; }
  .dials { grid-template-columns: 1fr 1fr; }
  .dials > :last-child { grid-column: 1 / -1; }
  .workbench-read:has(#reading img) { flex-direction: column-reverse; }
  .pair { gap: .5rem !important; }
  #gallery .grid-container { grid-template-columns: repeat(3, minmax(0, 1fr)) !important; }
  .summary { font-size: .85rem; }
  .bars li { grid-template-columns: 1fr 3.8rem; }
  .bars .name { grid-column: 1 / -1; font-size: .85rem; }
  #masthead h1 { font-size: 1.5rem; }
  button[role=tab] { padding: 0 .5rem !important; }
  .prose-page th, .prose-page td { padding: .25rem .35rem !important; font-size: .8rem; }
}
.prose-page pre code, .prose-page pre code * { color: var(--body-text-color) !important; }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
"""
