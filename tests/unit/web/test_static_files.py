"""Vendored files are what was vendored, and the first page stays light."""

import gzip
import hashlib
from pathlib import Path

import pytest

from rhesis_app.infra.site import site_directory

STATIC = site_directory() / "static"
VENDORED = sorted((STATIC / "vendor").iterdir())
FIRST_PAGE = (
    "css/app.css",
    "js/app.js",
    "js/theme.js",
    "vendor/htmx/htmx.min.js",
    "img/icons.svg",
    "fonts/geist.woff2",
    "fonts/geist-mono.woff2",
)


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_files_match_their_checksums(folder: Path) -> None:
    lines = (folder / "CHECKSUMS").read_text(encoding="utf-8").splitlines()
    wanted = {line[66:]: line[:64] for line in lines if not line.startswith("#")}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "CHECKSUMS"
    }
    assert found == wanted


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_files_say_their_version_and_licence(folder: Path) -> None:
    assert (folder / "LICENSE").is_file()
    assert (folder / "CHECKSUMS").read_text(encoding="utf-8").startswith("# ")


def test_the_style_sheet_stays_small() -> None:
    assert (STATIC / "css" / "app.css").stat().st_size <= 36 * 1024


def test_a_first_page_fits_into_its_budget() -> None:
    wire = 0
    for name in FIRST_PAGE:
        content = (STATIC / name).read_bytes()
        wire += len(content) if name.endswith(".woff2") else len(gzip.compress(content))
    assert wire <= 85_000  # of 100 kB, which leaves 15 for the page itself
