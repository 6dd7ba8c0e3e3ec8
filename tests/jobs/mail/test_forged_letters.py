"""What people type into a letter's head stays in its line."""

import pytest

from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.kernel.ports import Letter, PostFailure
from tests.smtp import post_box

PLAIN = {
    "message_id": "<1@example.org>",
    "recipient": "ada@example.org",
    "subject": "Hello",
    "text": "t",
    "html": "<p>t",
}


@pytest.mark.parametrize("name", ["recipient", "subject", "message_id"])
@pytest.mark.parametrize(
    "text", ["a@example.org\r\nBcc: b@example.org", "a@example.org\nDATA", "a@example.org\r\n.\r\nMAIL FROM:<x>"]
)
def test_a_line_end_in_the_head_sends_nothing(name: str, text: str) -> None:
    with post_box() as box:
        post = SmtpPost(MailServer.parse(box.url, "Rhesis App <rhesis@example.org>"))
        with post.open() as counter:
            with pytest.raises(PostFailure) as refused:
                counter.hand_over(Letter(**{**PLAIN, name: text}), before=lambda: None)
            counter.hand_over(Letter(**PLAIN), before=lambda: None)
    assert refused.value.is_final
    assert [letter.recipient for letter in box.taken] == ["ada@example.org"]
    assert box.taken[0].message["Bcc"] is None


def test_a_lone_point_in_the_text_ends_no_letter() -> None:
    with post_box() as box:
        post = SmtpPost(MailServer.parse(box.url, "Rhesis App <rhesis@example.org>"))
        with post.open() as counter:
            counter.hand_over(
                Letter(**{**PLAIN, "text": "first\r\n.\r\nRCPT TO:<x@example.org>\r\nlast"}), before=lambda: None
            )
    (letter,) = box.taken
    assert "last" in letter.text
