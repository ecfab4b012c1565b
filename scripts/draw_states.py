"""Draws the diagram of turn states into the documents, from the table that the service runs on."""

import re
from collections.abc import Iterator
from pathlib import Path

from cedar_voice_service.session.turns.states import TRANSITIONS, State, Step

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/design/turn-taking.md"
OVERVIEW = ROOT / "ARCHITECTURE.md"
BEGIN = "<!-- state diagram: begin (drawn by `make format` from `session/turns/states.py`) -->"
END = "<!-- state diagram: end -->"
MARKED = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def edges() -> Iterator[str]:
    """Yield an arrow of a Mermaid flowchart for states with the same steps to one state."""
    steps: dict[tuple[type[State], type[State]], list[str]] = {}
    for step, row in TRANSITIONS.items():
        for before, after in row.items():
            steps.setdefault((before, after), []).append(step.name.lower().replace("_", " "))
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, after), names in steps.items():
        arrows.setdefault((", ".join(names), after.__name__), []).append(before.__name__)
    for (label, name), befores in arrows.items():
        yield f"    {' & '.join(befores)} -->|{label}| {name}"


def diagram() -> str:
    """Return the diagram in Mermaid's notation."""
    return "\n".join(("```mermaid", "flowchart LR", *edges(), "```"))


def legend() -> str:
    """Return a table of the steps and their reasons."""
    meanings = (f"| {step.name.lower().replace('_', ' ')} | {step.value} |" for step in Step)
    return "\n".join(("| step | reason |", "|---|---|", *meanings))


def drawn(page: Path) -> str:
    """Return the text of a page with a new diagram; the overview goes without a legend.

    Raises:
        ValueError: the page has no place for it.
    """
    text = page.read_text()
    if not MARKED.search(text):
        raise ValueError(f"no place for the diagram: {BEGIN}")
    parts = (diagram(),) if page == OVERVIEW else (diagram(), legend())
    marked = "\n\n".join((BEGIN, *parts, END))
    return MARKED.sub(lambda _: marked, text)


if __name__ == "__main__":
    for page in (PAGE, OVERVIEW):
        page.write_text(drawn(page))
