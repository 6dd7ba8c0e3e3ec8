"""The name of a download stays a name."""

import pytest

from rhesis_app.web.downloads import download


@pytest.mark.parametrize(
    "name", ['a"; filename=evil.html', "a\r\nSet-Cookie: x=y", "../../etc/passwd", "Grüße.csv", "a;b.csv"]
)
def test_a_name_cannot_leave_its_place(name: str) -> None:
    try:
        response = download(lambda file: None, name=name, media_type="text/csv")
    except ValueError:
        assert "\n" in name, "only what would end the header is refused outright"
        return
    assert response.get_data() == b""
    (value,) = response.headers.getlist("Content-Disposition")
    assert value.startswith("attachment; filename")
    assert "\n" not in value
    assert value.count("filename=") <= 1 + name.count("filename=")
    assert response.headers.get("Set-Cookie") is None
