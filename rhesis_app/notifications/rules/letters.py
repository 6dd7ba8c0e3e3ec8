"""A message as an e-mail: text, and HTML that says the same. What others said stays text in both."""

from html import escape
from typing import Any
from uuid import UUID

from rhesis_app.kernel.ports import Letter
from rhesis_app.notifications.rules.events import Message

_SUBJECT = 150
_STYLE = {
    "body": "margin:0;padding:24px;background:#f6f5f4;color:#23252b;font:400 15px/1.5 system-ui,-apple-system,sans-serif",
    "card": "max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border:1px solid #e2e1df;border-radius:8px",
    "h1": "margin:0 0 12px;font-size:18px;line-height:1.35",
    "td": "padding:4px 16px 4px 0;vertical-align:top;border-top:1px solid #e2e1df",
    "link": "display:inline-block;margin-top:16px;padding:8px 14px;background:#4d3fb8;color:#ffffff;border-radius:6px;text-decoration:none",
    "foot": "max-width:560px;margin:12px auto 0;color:#5c5f68;font-size:12px",
}


def message_of(content: dict[str, Any]) -> Message:
    """The message that a delivery keeps."""
    return Message(
        subject=content["subject"],
        sentences=tuple(content["sentences"]),
        facts=tuple((name, value) for name, value in content["facts"]),
        path=content["path"],
        link=content["link"],
        why=content.get("why", ""),
    )


def letter_of(delivery_id: UUID, recipient: str, message: Message, *, domain: str, site: str | None) -> Letter:
    """The e-mail of a delivery; without a `site` it carries no links, because nobody has said where we are reached."""
    return Letter(
        message_id=f"<{delivery_id.hex}@{domain}>",
        recipient=recipient,
        subject=one_line(message.subject)[:_SUBJECT],
        text=_text(message, site),
        html=_html(message, site),
    )


def one_line(said: str) -> str:
    """Without line breaks and control characters: a subject is a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())


def _text(message: Message, site: str | None) -> str:
    parts = [one_line(message.subject), *message.sentences]
    if message.facts:
        parts.append("\n".join(f"{name}: {value}" for name, value in message.facts))
    if site is not None:
        parts.append(f"{message.link}: {site}{message.path}")
    return "\n\n".join([*parts, f"-- \n{message.why or _why(site)}"]) + "\n"


def _html(message: Message, site: str | None) -> str:
    rows = "".join(
        f'<tr><td style="{_STYLE["td"]}">{escape(name)}</td><td style="{_STYLE["td"]}">{escape(value)}</td></tr>'
        for name, value in message.facts
    )
    table = f'<table role="presentation" style="border-collapse:collapse;width:100%">{rows}</table>' if rows else ""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in message.sentences)
    link = ""
    if site is not None:
        link = f'<a href="{escape(site + message.path)}" style="{_STYLE["link"]}">{escape(message.link)}</a>'
    return (
        f'<!doctype html><html lang="en"><body style="{_STYLE["body"]}"><div style="{_STYLE["card"]}">'
        f'<h1 style="{_STYLE["h1"]}">{escape(one_line(message.subject))}</h1>{said}{table}{link}</div>'
        f'<p style="{_STYLE["foot"]}">{escape(message.why or _why(site))}</p></body></html>\n'
    )


def _why(site: str | None) -> str:
    where = f" at {site}/settings/notifications" if site is not None else ", under Settings › Notifications"
    return f"Rhesis App sent this because of something you did there. Choose what you hear of{where}."
