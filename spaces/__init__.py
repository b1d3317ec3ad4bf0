"""The Gradio demo: make a face, read a face, browse the set. `app.build()` makes the page, `app.launch()` serves it."""
