"""The page's style and its few elements. Whatever a test or an application said goes through `text`."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape

from rhesis_app.sdk import Rate

Markup = str
# what HTML cannot hold, and characters that turn the direction of what follows them
_STRAY = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]")
OUTCOMES = {"passed": "Passed", "failed": "Failed", "error": "Error", "unscored": "Unscored", "none": "Undecided"}

STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#23252b,#e8e8ea);--muted:light-dark(#5c5f68,#a9abb3);--line:light-dark(#e2e1df,#3a3c44);
--ground:light-dark(#fff,#17181c);--soft:light-dark(#f6f5f4,#202228);--passed:light-dark(#1c7348,#6fcf9b);--failed:light-dark(#b3261e,#f08a80);
--error:light-dark(#855300,#e6b566);--unscored:light-dark(#5c5f68,#a9abb3)}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:2rem 1rem 4rem;background:var(--ground);color:var(--ink);
font:400 .875rem/1.45 ui-sans-serif,system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.4rem;margin:.1rem 0 .3rem}h2{font-size:1rem;margin:2rem 0 .5rem;border-top:1px solid var(--line);padding-top:1rem}
h3{font-size:.9rem;margin:0;overflow-wrap:anywhere}p{margin:.3rem 0}a{color:inherit}
.muted,.meta,.eyebrow,small,dt{color:var(--muted);font-weight:400}.eyebrow{font-size:.75rem}.finding{font-size:1rem;font-weight:600}
.verdict{margin:1rem 0}.figure{font-size:2rem;font-weight:600;margin:0}.figure small{font-size:1rem}
.o{font-weight:600;white-space:nowrap}.o.passed{color:var(--passed)}.o.failed{color:var(--failed)}.o.error{color:var(--error)}.o.unscored{color:var(--unscored)}
table{border-collapse:collapse;width:100%}
th,td{text-align:start;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600;overflow-wrap:break-word}td svg{min-width:8rem}
svg{display:block;width:100%;max-width:24rem;height:12px}
svg .ground{fill:var(--line)}svg .share{fill:var(--passed)}svg .whisker{stroke:var(--ink);stroke-width:1.5}
article{break-inside:avoid;content-visibility:auto;contain-intrinsic-size:auto 12rem;border-top:1px solid var(--line);padding:.75rem 0}
dl{margin:.4rem 0;display:grid;grid-template-columns:5rem minmax(0,1fr);gap:.3rem .75rem}dd{margin:0}
pre{margin:0;padding:.4rem .6rem;background:var(--soft);border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;
font:.8125rem/1.45 ui-monospace,monospace}
ul{margin:.3rem 0;padding:0;list-style:none}li{padding:.1rem 0;overflow-wrap:anywhere}
body:has(#only:checked) article.is-passed{display:none}
@media print{body{max-width:none;padding:0}.choice{display:none}article{content-visibility:visible}pre{background:none;border:1px solid var(--line)}}
"""
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# the file opens anywhere, also from a disk: it brings its own policy, under which nothing but this style works
_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"


def text(said: str) -> Markup:
    """Any text as text: never markup, never a character that HTML has no place for."""
    return escape(_STRAY.sub("\ufffd", said))


def element(tag: str, inner: Markup, *, cls: str = "", href: str = "") -> Markup:
    """An element around markup; nothing when there is nothing in it."""
    if not inner:
        return ""
    attributes = (f' class="{escape(cls)}"' if cls else "") + (
        f' href="{escape(href)}" rel="noreferrer"' if href else ""
    )
    return f"<{tag}{attributes}>{inner}</{tag}>\n" if tag in _BLOCKS else f"<{tag}{attributes}>{inner}</{tag}>"


_BLOCKS = frozenset({"header", "section", "article", "h1", "h2", "h3", "p", "dl", "dt", "dd", "ul", "li"})


def outcome(kind: str, word: str = "") -> Markup:
    """An outcome by its word; colour only repeats it."""
    known = kind if kind in OUTCOMES else "unscored"
    cls = "unscored" if known == "none" else known
    return element("span", text(word or OUTCOMES[known]), cls=f"o {cls}")


def bar(rate: Rate) -> Markup:
    """The share that passed, with its interval; the numbers stand beside it."""
    if rate.value is None or rate.low is None or rate.high is None:
        return ""
    share, low, high = (f"{100 * value:.2f}%" for value in (rate.value, rate.low, rate.high))
    return (
        '<svg aria-hidden="true"><rect class="ground" width="100%" height="12" rx="2"/>'
        f'<rect class="share" width="{share}" height="12" rx="2"/><line class="whisker" x1="{low}" x2="{high}" y1="6" y2="6"/></svg>\n'
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[Markup]]) -> Markup:
    """A table of cells that are markup already; the first of a row names it."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>\n"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"


def document_start(title: str) -> Markup:
    """Everything before the page's content."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )


def document_end() -> Markup:
    """Everything after it."""
    return "</main>\n</body>\n</html>\n"
