"""What axe, which knows how pages fail people who do not see or point, finds in a page."""

from importlib.resources import files
from importlib.util import find_spec

PACKAGE = "axe_playwright_python"  # carries axe as one script; comes with the extra dev


def serious(page, but: tuple[str, ...] = ()) -> list[str]:
    """Findings of axe that are serious or critical, one a rule, `but` for these; none where axe is not installed."""
    if not find_spec(PACKAGE):
        return []
    page.evaluate(files(PACKAGE).joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"axe, {one['id']}: {one['help']}: {one['nodes'][0]['html'][:120]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical") and one["id"] not in but
    ]
