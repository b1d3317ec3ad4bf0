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
    button_primary_background_fill_hover="#8a3618",
    button_primary_text_color="#ffffff",
    slider_color="#b4501f",
    slider_color_dark="#ef8354",
)

CSS = """
.gradio-container { max-width: 1240px !important; margin: 0 auto !important; }
#masthead h1 { font-size: 1.9rem; letter-spacing: -0.02em; margin: .2rem 0 0; }
#masthead p { margin: .2rem 0 .6rem; opacity: .8; max-width: 62ch; }
.picture img { aspect-ratio: 1; width: 100%; object-fit: contain; }
.picture { aspect-ratio: 1; }
.gauge { margin: 0; text-align: center; }
.gauge svg { display: block; width: min(100%, 220px); margin: 0 auto; }
.gauge path { fill: none; stroke-width: 16; stroke-linecap: butt; }
.gauge .track { stroke: #e4ddd3; } .dark .gauge .track { stroke: #3a332e; }
.gauge .fill { stroke: #b4501f; } .dark .gauge .fill { stroke: #ef8354; }
.gauge .band { stroke: #e9b48f; stroke-width: 22; } .dark .gauge .band { stroke: #7a4a30; }
.gauge .value { font-size: 40px; font-weight: 700; text-anchor: middle; fill: currentColor; }
.gauge .unit { font-size: 12px; text-anchor: middle; fill: currentColor; opacity: .75; }
.gauge figcaption { font-size: .85rem; opacity: .85; min-height: 1.3em; }
.bars { list-style: none; margin: .3rem 0; padding: 0; }
.bars li {
  display: grid; margin: 0; padding: .16rem 0; gap: .6rem; align-items: center;
  grid-template-columns: minmax(7rem, 13rem) minmax(4rem, 1fr) 2.6rem;
}
.bars .track { height: .6rem; border-radius: .3rem; background: #e4ddd3; overflow: hidden; }
.dark .bars .track { background: #3a332e; }
.bars .fill { display: block; height: 100%; background: #b4501f; } .dark .bars .fill { background: #ef8354; }
.bars .number { text-align: right; font-variant-numeric: tabular-nums; }
.problem { border-left: 4px solid #b4501f; padding: .5rem .8rem; margin: .3rem 0;
  background: rgba(180, 80, 31, .10); border-radius: .3rem; }
.notice { font-size: .85rem; opacity: .8; }
:focus-visible { outline: 3px solid #b4501f !important; outline-offset: 2px; }
@media (max-width: 640px) {
  .workbench { flex-direction: column-reverse; }
  .bars li { grid-template-columns: 9.5rem 1fr 2.4rem; font-size: .85rem; }
  #masthead h1 { font-size: 1.5rem; }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
"""
