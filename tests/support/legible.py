"""What a page shows that eyes and fingers would stumble over, found by a script inside it."""

from __future__ import annotations

import itertools

SCRIPT = """() => {
  for (const moving of document.getAnimations()) try { moving.finish(); } catch { moving.cancel(); }
  const one = { width: 1, height: 1 };
  const canvas = Object.assign(document.createElement("canvas"), one).getContext("2d", { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const light = colour => {
    const [r, g, b] = colour.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const seen = e => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && e.getClientRects().length;
  const behind = element => {
    let under = [255, 255, 255], opacity = 1;
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      layers.unshift(rgba(style.backgroundColor));
      opacity *= style.opacity;
    }
    for (const layer of layers) under = over(layer, under);
    return [under, opacity];
  };
  const pale = new Set(), small = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
    if (!text || e.closest("script, style, noscript") || !seen(e)) continue;
    const style = getComputedStyle(e), [under, opacity] = behind(e);
    const ink = rgba(e.closest("svg") ? style.fill : style.color);
    ink[3] *= opacity;
    const [more, less] = [light(over(ink, under)), light(under)].sort((a, b) => b - a);
    const ratio = (more + .05) / (less + .05);
    if (ratio < 4.5) pale.add(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  for (const e of document.querySelectorAll("button, select, input, textarea, [role=tab], summary, a[href]")) {
    const box = (e.type === "radio" ? e.closest("label") : e).getBoundingClientRect();
    if (e.type === "file" || !seen(e) && e.type !== "radio" || !box.width || e.closest("p, li, td")) continue;
    const name = e.innerText || e.ariaLabel || e.outerHTML.slice(0, 80);
    if (Math.min(box.width, box.height) < 23.9) small.add(`${box.width.toFixed()} x ${box.height.toFixed()}: ${name}`);
  }
  const cut = [...document.querySelectorAll("button, [role=tab], label, h1, h2, h3, th, figcaption, pre, table")]
    .filter(e => seen(e) && e.clientWidth && !e.closest(".visually-hidden, [aria-hidden=true]"))
    .filter(e => e.scrollWidth > e.clientWidth + 8)  // less is the corner of a turned arrow
    .map(e => `${e.scrollWidth} in ${e.clientWidth}: ${e.innerText.slice(0, 40)}`);
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(seen).map(e => Number(e.tagName[1]));
  return { pale: [...pale], small: [...small], cut, levels, wide: document.documentElement.scrollWidth - innerWidth };
}"""


def stumbles(page) -> list[str]:
    """Text of a contrast below 4.5, targets below 24 pixels, cut words, headings out of order, what sticks out."""
    found = page.evaluate(SCRIPT)
    said = [f"pale, {text}" for text in found["pale"]] + [f"small, {target}" for target in found["small"]]
    said += [f"cut, {words}" for words in found["cut"]]
    levels = found["levels"]
    if levels[:1] != [1] or any(after > before + 1 for before, after in itertools.pairwise(levels)):
        said.append(f"headings of levels {levels}")
    if found["wide"] > 0:
        said.append(f"{found['wide']} pixels wider than the screen")
    return said
