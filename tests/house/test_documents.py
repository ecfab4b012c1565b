"""Links, verbs, tables and diagrams of the documents agree with the code."""

import re
from pathlib import Path

import pytest

from scripts import draw_modules, draw_states
from scripts.draw_modules import OVERVIEW
from tests.support.checkout import ROOT, SOURCE_ROOTS, files, project, sources

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
TERM = re.compile(r"\*([^*\n]+)\*:")
LINES_OF_THE_OVERVIEW = 120
TERMS_OF_THE_GLOSSARY = 25
VERB = re.compile(r"(?:^|`|&& )make ((?:[a-z]+ ?)+)", re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """The anchors that the headings of a document make."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def makefile_verbs() -> set[str]:
    """The verbs that `make` lists."""
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_verbs_exist(document: Path) -> None:
    for said in VERB.findall(document.read_text()):
        assert set(said.split()) <= makefile_verbs(), said


def test_every_verb_is_explained() -> None:
    explained = re.findall(
        r"^\| `make ([a-z]+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    assert set(explained) == makefile_verbs()


def test_module_tables_are_current() -> None:
    assert draw_modules.PAGE.read_text() == draw_modules.modules_page(), "run `make format`"


def test_folder_map_is_current() -> None:
    text = OVERVIEW.read_text()
    assert text == draw_modules.overview(text), "run `make format`"


@pytest.mark.parametrize(
    "page", [draw_states.PAGE, draw_states.OVERVIEW], ids=lambda page: page.name
)
def test_state_diagram_is_current(page: Path) -> None:
    assert page.read_text() == draw_states.drawn(page), "run `make format`"


def test_glossary_is_short_and_of_words_in_the_code() -> None:
    _, _, glossary = OVERVIEW.read_text().partition("## Glossary")
    terms = [term for found in TERM.findall(glossary) for term in found.lower().split(", ")]
    code = " ".join(path.read_text().lower() for path in sources().values())
    assert len(terms) == len(set(terms)) <= TERMS_OF_THE_GLOSSARY
    assert not [term for term in terms if not re.search(re.sub("[ -]", "[ _-]?", term), code)]


def test_overview_fits_on_a_page() -> None:
    assert len(OVERVIEW.read_text().splitlines()) <= LINES_OF_THE_OVERVIEW


def test_every_import_rule_is_explained() -> None:
    text = " ".join(OVERVIEW.read_text().split())
    for contract in project()["tool"]["importlinter"]["contracts"]:
        assert contract["name"] in text


def test_import_rules_cover_every_package() -> None:
    packages = {path.name for root in SOURCE_ROOTS for path in root.iterdir() if path.is_dir()}
    packages -= {"__pycache__"}
    built = {
        Path(path).name
        for path in project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    }
    assert packages == built == set(project()["tool"]["importlinter"]["root_packages"])
