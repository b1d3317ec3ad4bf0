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
    slider_color="#b4501f",
    slider_color_dark="#ef8354",
)

CSS = """
.gradio-container { width: 100% !important; max-width: min(1280px, 100vw) !important; margin: 0 auto !important; }
.gradio-container .column, .gradio-container .row > * { min-width: 0; }
#masthead h1 { font-size: 1.9rem; letter-spacing: -0.02em; margin: .2rem 0 0; }
#masthead p { margin: .2rem 0 .4rem; opacity: .8; max-width: 72ch; }
.prose-page { gap: 2.5rem !important; }
.prose-page table { font-variant-numeric: tabular-nums; display: block; overflow-x: auto; border: 0 !important; }
.prose-page thead, .prose-page tbody, .prose-page tr { border: 0 !important; }
.prose-page th, .prose-page td { border: 0 !important; border-bottom: 1px solid rgba(128, 128, 128, .35) !important;
  padding: .3rem .6rem !important; text-align: left; word-break: normal !important; overflow-wrap: normal !important; }
.prose-page pre { overflow-x: auto; }
.picture .image-container, .picture .image-frame, .picture img { width: 100%; height: 100%; object-fit: contain; }
.picture { aspect-ratio: 1; min-height: 0 !important; }
.presets { gap: .4rem !important; }
.trouble:not(:has(.problem)), #reading-curve:not(:has(svg)) { display: none !important; }

.workbench { display: grid !important; grid-template: auto auto 1fr / 2fr 3fr; gap: .9rem 1.2rem; align-items: start; }
.workbench > .controls { grid-area: 1 / 1 / 4 / 2; }
.workbench > .faces { grid-area: 1 / 2; } .workbench > .measures { grid-area: 2 / 2; }
.workbench > .keepsakes { grid-area: 3 / 2; }
.pair { flex-wrap: nowrap !important; }

.gauge, .curve { margin: 0; text-align: center; }
.gauge svg { display: block; width: min(100%, 220px); margin: 0 auto; }
.gauge path { fill: none; stroke-width: 16; stroke-linecap: butt; }
.gauge .track { stroke: #e4ddd3; } .dark .gauge .track { stroke: #3a332e; }
.gauge .fill { stroke: #b4501f; } .dark .gauge .fill { stroke: #ef8354; }
.gauge .band { stroke: #d58a5c; stroke-width: 5; } .dark .gauge .band { stroke: #b9724a; }
.gauge .truth { stroke: #0b6e99; stroke-width: 4; } .dark .gauge .truth { stroke: #7cc7e8; }
.gauge .value { font-size: 38px; font-weight: 700; text-anchor: middle; fill: currentColor; }
.gauge .unit { font-size: 12px; text-anchor: middle; fill: currentColor; opacity: .8; }
.gauge figcaption { font-size: .85rem; opacity: .9; min-height: 1.3em; }

.bars { list-style: none; margin: .3rem 0; padding: 0; }
.bars li { display: grid; margin: 0; padding: .16rem 0; gap: .1rem .6rem; align-items: center;
  grid-template-columns: minmax(8rem, 15rem) minmax(4rem, 1fr) 4.2rem; }
.pair .bars li { grid-template-columns: 1fr 3.4rem; }
.pair .bars .name { grid-column: 1 / -1; font-size: .85rem; }
.bars .track { position: relative; height: .6rem; border-radius: .3rem; background: #e4ddd3; }
.dark .bars .track { background: #3a332e; }
.bars .fill { display: block; height: 100%; border-radius: .3rem; background: #b4501f; }
.dark .bars .fill { background: #ef8354; }
.bars .truth { position: absolute; top: -3px; width: 3px; height: calc(.6rem + 6px); background: #0b6e99; }
.dark .bars .truth { background: #7cc7e8; }
.bars .number { text-align: right; font-variant-numeric: tabular-nums; font-size: .85rem; }
h3 { margin: .3rem 0 .2rem !important; font-size: 1rem !important; font-weight: 600; }

.curve svg { width: 100%; max-width: 640px; }
.curve polyline { fill: none; stroke: #b4501f; stroke-width: 2; } .dark .curve polyline { stroke: #ef8354; }
.curve circle { fill: #b4501f; } .dark .curve circle { fill: #ef8354; }
.curve .band { fill: #e9b48f; opacity: .5; } .dark .curve .band { fill: #8a5636; }
.curve .grid { stroke: currentColor; opacity: .2; }
.curve text { font-size: 11px; fill: currentColor; opacity: .8; }

.legend { display: flex; flex-wrap: wrap; gap: .3rem .9rem; align-items: center; margin: 0; font-size: .8rem;
  opacity: .9; }
.legend .ramp { flex: 1 1 6rem; max-width: 12rem; height: .6rem; border-radius: .3rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -.1rem;
  border: 1px solid rgba(128, 128, 128, .6); border-radius: .2rem; }
.problem { border-left: 4px solid #b4501f; padding: .5rem .8rem; margin: .3rem 0;
  background: rgba(180, 80, 31, .10); border-radius: .3rem; }
.notice { font-size: .85rem; opacity: .9; margin: 0; }
:focus-visible { outline: 3px solid #b4501f !important; outline-offset: 2px; }
.dark :focus-visible { outline-color: #ef8354 !important; }

@media (max-width: 760px) {
  .gradio-container main { padding: .6rem !important; }
  .workbench { grid-template: none / minmax(0, 1fr); }
  .workbench > * { grid-area: auto !important; }
  .workbench > .faces { position: sticky; top: 0; z-index: 20; padding-bottom: .3rem;
    background: var(--body-background-fill); }
  .workbench-read:has(#reading img) { flex-direction: column-reverse; }
  .pair { gap: .5rem !important; }
  .bars li { grid-template-columns: 1fr 3.8rem; }
  .bars .name { grid-column: 1 / -1; font-size: .85rem; }
  #masthead h1 { font-size: 1.5rem; }
  .prose-page th, .prose-page td { padding: .25rem .35rem !important; font-size: .8rem; }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
"""
