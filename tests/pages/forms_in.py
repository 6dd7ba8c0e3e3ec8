"""The forms of a page as a browser would send them."""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser


@dataclass
class Form:
    """A form: where it goes, how, and what it would send as it stands."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    buttons: list[dict[str, str]] = field(default_factory=list, repr=False)

    def sent_by(self, button: dict[str, str]) -> "Form":
        """The form as this button sends it: elsewhere, or with the button's own value."""
        own = {button["name"]: button.get("value", "")} if button.get("name") else {}
        return replace(self, action=button.get("formaction", self.action), fields=self.fields | own)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._named: dict[str, Form] = {}
        self._open: Form | None = None
        self._typed: tuple[Form, str] | None = None
        self._select: tuple[Form, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            # a button may name its form before the form itself comes
            self._open = self._named.setdefault(given.get("id", f"{len(self.forms)}"), Form())
            self._open.action, self._open.method = given.get("action", ""), given.get("method", "get").lower()
            self.forms.append(self._open)
        form = self._named.setdefault(given["form"], Form()) if "form" in given else self._open
        if form is None:
            return
        if tag == "option" and self._select and ("selected" in given or self._select[1] not in form.fields):
            form.fields[self._select[1]] = given.get("value", "")
        if tag == "button" and given.get("type", "submit") == "submit":
            form.buttons.append(given)
        elif name := given.get("name"):
            self._take(tag, form, name, given)

    def _take(self, tag: str, form: Form, name: str, given: dict[str, str]) -> None:
        if tag == "input" and given.get("type") == "file":
            form.files.add(name)
        elif tag == "input" and (given.get("type") not in {"radio", "checkbox"} or "checked" in given):
            form.fields[name] = given.get("value", "")
        elif tag == "textarea":
            form.fields[name] = ""
            self._typed = (form, name)
        elif tag == "select":
            self._select = (form, name)

    def handle_data(self, data: str) -> None:
        if self._typed:
            form, name = self._typed
            form.fields[name] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._typed:
            form, name = self._typed
            form.fields[name] = form.fields[name].removeprefix("\n")  # as browsers read it
            self._typed = None
        elif tag == "select":
            self._select = None
        elif tag == "form":
            self._open = None


def forms_in(html: str) -> list[Form]:
    """All forms of a page, in order; one with several buttons once for each."""
    reader = _Reader()
    reader.feed(html)
    return [form.sent_by(button) for form in reader.forms for button in form.buttons or [{}]]
