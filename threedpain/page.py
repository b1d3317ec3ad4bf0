"""The one page that reports are written on: self-contained, for a phone, a desk and paper."""

from __future__ import annotations

import html
from collections.abc import Iterable
from importlib.resources import files


def render_page(
    title: str,
    kicker: str,
    headline: str,
    cards: Iterable[tuple[str, str]],
    sections: Iterable[tuple[str, str] | None],
    footer: str,
    tone: str = "",
) -> str:
    """An HTML page. Plain text is escaped; values of cards and contents of sections are HTML already.

    cards: (value, label). sections: (heading, content), None for one left out. tone: "", "good" or "bad".
    """
    from jinja2 import Environment

    source = files("threedpain").joinpath("page.html.jinja").read_text(encoding="utf-8")
    return (
        Environment(autoescape=True)
        .from_string(source)
        .render(
            title=title,
            kicker=kicker,
            headline=headline,
            cards=list(cards),
            sections=[section for section in sections if section],
            footer=footer,
            tone=tone,
        )
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of HTML cells."""
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return sideways(f"<table><tr>{top}</tr>{body}</table>", "table")


def sideways(content: str, name: str) -> str:
    """HTML that a narrow screen moves sideways, by finger or by arrow keys; `name` is plain text."""
    return f"<div class='table' tabindex='0' role='region' aria-label='{html.escape(name)}'>{content}</div>"
