"""The workbench's form as a browser would post it."""

import html
import re


def form_values(page: str) -> dict[str, str]:
    """What the workbench's form would post."""
    form = re.search(r'<form class="stack" id="endpoint-form".*?</form>', page, re.DOTALL)
    assert form
    values = {}
    for tag in re.findall(r"<input\b[^>]*>", form[0]):
        name, value = re.search(r' name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and (' type="radio"' not in tag or " checked" in tag):
            values[name[1]] = html.unescape(value[1]) if value else ""
    for name, text in re.findall(r'<textarea\b[^>]* name="([^"]*)"[^>]*>\n(.*?)</textarea>', form[0], re.DOTALL):
        values[name] = html.unescape(text)
    for name, options in re.findall(r'<select\b[^>]* name="([^"]*)"[^>]*>(.*?)</select>', form[0], re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values
