"""Connections are kept, shared by threads, and never cross a fork."""

import json
import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rhesis_app.kernel.ports import OutboundFailure
from tests.scripted_endpoint import Reply, ScriptedEndpoint, always, json_reply

pytestmark = pytest.mark.integration


def test_one_connection_serves_many_calls(open_door, ask):
    with ScriptedEndpoint() as endpoint:
        door = open_door()
        for _ in range(5):
            door.send(ask(endpoint.url))
        assert (endpoint.count, endpoint.connections) == (5, 1)


def test_a_kept_connection_asks_for_the_path_of_each_call(open_door, ask):
    with ScriptedEndpoint(lambda call: json_reply({"reply": call.target})) as endpoint:
        door = open_door()
        paths = ["/v1/chat", "/v2/chat", "/v2/chat?tenant=b"]
        answers = [door.send(ask(endpoint.origin + path)) for path in paths]
        assert [json.loads(answer.body)["reply"] for answer in answers] == paths
        assert endpoint.connections == 1


def test_a_server_that_closes_gets_a_new_connection(open_door, ask):
    with ScriptedEndpoint(always(Reply(body=b"{}", headers={"Connection": "close"}))) as endpoint:
        door = open_door()
        for _ in range(3):
            assert door.send(ask(endpoint.url)).status == 200
        assert endpoint.connections == 3


def test_sixty_four_threads_share_one_door(open_door, ask):
    together = threading.Barrier(64, timeout=20)

    def wait_for_all(call):
        together.wait()
        return json_reply({"reply": call.json["message"]})

    with ScriptedEndpoint(wait_for_all) as endpoint:
        door = open_door()
        with ThreadPoolExecutor(64) as pool:
            bodies = [b'{"message": %d}' % number for number in range(192)]
            answers = list(pool.map(lambda body: door.send(ask(endpoint.url, timeout_s=30, body=body)).body, bodies))
        assert answers == [b'{"reply": %d}' % number for number in range(192)]
        assert (endpoint.count, endpoint.max_in_flight) == (192, 64)
        assert endpoint.connections <= 128


def test_a_forked_child_does_not_speak_on_its_parents_connection(open_door, ask):
    with ScriptedEndpoint() as endpoint:
        door = open_door()
        door.send(ask(endpoint.url))
        before = endpoint.connections
        kept_in_child = door._pool
        kept_in_child._process = os.getpid() - 1  # what the child of a fork sees
        door.send(ask(endpoint.url))
        assert endpoint.connections == before + 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for `chat.example`, as (certificate path, key path)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chat.example")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("chat.example"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    encoding = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(encoding))
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls_endpoint(certificate):
    """A scripted endpoint that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with ScriptedEndpoint(tls=context) as endpoint:
        yield endpoint


def trusting(certificate):
    return lambda: ssl.create_default_context(cafile=certificate[0])


def resolve_here(_host, port, *_rest):
    return [(2, 1, 6, "", ("127.0.0.1", port))]


@pytest.mark.parametrize("host", ["chat.example", "127.0.0.1"])
def test_tls_verifies_the_urls_own_host(host, tls_endpoint, certificate, open_door, ask):
    door = open_door(resolver=resolve_here, tls=trusting(certificate))
    for _ in range(2):
        assert door.send(ask(f"https://{host}:{tls_endpoint.port}/")).status == 200
    assert tls_endpoint.connections == 1


def test_a_certificate_of_another_host_is_refused(tls_endpoint, certificate, open_door, ask):
    door = open_door(resolver=resolve_here, tls=trusting(certificate))
    with pytest.raises(OutboundFailure) as caught:
        door.send(ask(f"https://other.example:{tls_endpoint.port}/"))
    assert (caught.value.code, tls_endpoint.count) == ("tls", 0)


def test_an_unknown_authority_is_refused(tls_endpoint, open_door, ask):
    with pytest.raises(OutboundFailure) as caught:
        open_door(resolver=resolve_here).send(ask(f"https://chat.example:{tls_endpoint.port}/"))
    assert (caught.value.code, tls_endpoint.count) == ("tls", 0)


def test_a_dripping_answer_over_tls_ends_at_the_deadline(tls_endpoint, certificate, open_door, ask):
    tls_endpoint.script = always(Reply(fault="drip", body=b"x" * 10_000))
    door = open_door(resolver=resolve_here, tls=trusting(certificate))
    with pytest.raises(OutboundFailure) as caught:
        door.send(ask(f"https://chat.example:{tls_endpoint.port}/", timeout_s=0.4))
    assert caught.value.code == "timeout"
