"""Which addresses are opened: public ones, what the operator wrote down, never metadata."""

import pytest

from rhesis_app.infra.http.addresses import AddressPolicy, AllowList, AllowListError, Verdict, read_address

OPEN, CLOSED, NEVER = Verdict.OPEN, Verdict.CLOSED, Verdict.NEVER


def judge(address, *, host="x.example", port=80, allow="", local=False):
    return AddressPolicy(AllowList.parse(allow), allow_local=local).judge(host, read_address(address), port)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_open(address):
    assert judge(address) is OPEN


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.1", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "100.64.0.1", "169.254.1.1",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "240.0.0.1",
        "fc00::1", "fe80::1",
        "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:1::1", "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_everything_else_is_closed(address):
    assert judge(address) is CLOSED


METADATA = [
    "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::169.254.169.254", "2002:a9fe:a9fe::", "fe80::a9fe:a9fe",
    "0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "224.0.0.1", "ff02::1", "255.255.255.255",
]  # fmt: skip


@pytest.mark.parametrize("address", METADATA)
def test_no_setting_opens_metadata_or_the_unspecified_address(address):
    everything = "0.0.0.0/0,::/0,x.example,169.254.169.254:80"
    assert judge(address, allow=everything, local=True) is NEVER


@pytest.mark.parametrize(
    ("address", "verdict"),
    [("127.0.0.1", OPEN), ("::1", OPEN), ("10.1.2.3", OPEN), ("192.168.0.9", OPEN), ("fd12::1", OPEN),
    ("169.254.1.1", CLOSED),
     ("fe80::1", CLOSED), ("100.64.0.1", CLOSED), ("198.18.0.1", CLOSED)],
)  # fmt: skip
def test_local_targets_are_this_machine_and_private_networks(address, verdict):
    assert judge(address, local=True) is verdict


@pytest.mark.parametrize(
    ("allow", "host", "address", "port", "verdict"),
    [
        ("10.1.2.0/24", "x", "10.1.2.9", 8080, OPEN),
        ("10.1.2.0/24", "x", "10.1.3.9", 8080, CLOSED),
        ("10.1.2.9", "x", "10.1.2.9", 1, OPEN),
        ("10.1.2.9:80", "x", "10.1.2.9", 81, CLOSED),
        (" 10.1.2.9:80 , fd00::/8", "x", "fd00::1", 81, OPEN),
        ("[fd00::1]:81", "x", "fd00::1", 81, OPEN),
        ("[fd00::1]:81", "x", "fd00::1", 82, CLOSED),
        ("localhost:9000", "localhost", "::1", 9000, OPEN),
        ("localhost:9000", "127.0.0.1", "127.0.0.1", 9000, OPEN),
        ("127.0.0.1:9000", "localhost", "::1", 9000, OPEN),
        ("[::1]:9000", "localhost", "127.0.0.1", 9000, OPEN),
        ("localhost:9000", "localhost", "127.0.0.1", 9001, CLOSED),
        ("localhost:9000", "evil.example", "10.0.0.1", 9000, CLOSED),
        ("chat.internal:8080", "chat.internal", "10.0.0.1", 8080, OPEN),
        ("CHAT.internal.", "chat.internal", "10.0.0.1", 8080, OPEN),
        ("chat.internal:8080", "other.internal", "10.0.0.1", 8080, CLOSED),
        ("10.0.0.0/8", "x", "::ffff:10.0.0.1", 80, OPEN),
        ("[::ffff:a00:1]:80", "::ffff:a00:1", "::ffff:10.0.0.1", 80, OPEN),
        ("[::ffff:7f00:1]:9000", "::ffff:7f00:1", "::ffff:127.0.0.1", 9000, OPEN),
        ("[::ffff:7f00:1]:9000", "localhost", "::1", 9000, OPEN),
        ("[::ffff:a00:1]:80", "::ffff:a00:2", "::ffff:10.0.0.2", 80, CLOSED),
    ],
)
def test_an_entry_opens_what_it_names(allow, host, address, port, verdict):
    assert judge(address, host=host, port=port, allow=allow) is verdict


@pytest.mark.parametrize(
    "text", ["10.0.0.0/33", "host:port", "host:0", "host:70000", "a b", "http://x", "10.0.0", "[::1", "*"]
)
def test_an_entry_that_cannot_be_read_is_named(text):
    with pytest.raises(AllowListError, match="RHESIS_ALLOW_TARGETS") as caught:
        AllowList.parse(f"127.0.0.1:1,{text}")
    assert text in str(caught.value)
