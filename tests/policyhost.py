# SPDX-License-Identifier: ISC
"""An HTTPS host of MTA-STS policies on 127.0.0.1, with an authority of its own,
that misbehaves by the name it is asked for."""

import datetime
import os
import select
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: *.{domain}\r\nmax_age: 86400\r\n"


def certificate(names, key, issuer=None, issuer_key=None, authority="Test authority"):
    """Of a host, or without an issuer of an authority; two that are trusted at once need names of their own."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority if issuer is None else "Test host")])
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject if issuer is None else issuer.subject) \
        .public_key(key.public_key()).serial_number(x509.random_serial_number()) \
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1)) \
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    if issuer is not None:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    return built.sign(key if issuer is None else issuer_key, hashes.SHA256())


def pem(*things):
    text = b""
    for t in things:
        text += t.public_bytes(serialization.Encoding.PEM) if isinstance(t, x509.Certificate) else t.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return text


class PolicyHost:
    """manners: {domain: "redirect" | "large" | "html" | "missing" | "drip" | "nonsense" | "testing"}; a domain that is named here
    and in `untrusted` has no good certificate. `fetched` counts by domain. posts: what was sent to it, (path, header,
    octets); post_status is its answer to that."""

    def __init__(self, folder, domains, manners, untrusted=()):
        self.manners, self.fetched, self.stopping = manners, {}, os.pipe()
        self.posts, self.post_status, self.posted = [], 201, threading.Condition()
        authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = certificate((), authority)
        leaf = certificate([f"mta-sts.{d}" for d in domains if d not in untrusted], key, root, authority)
        self.ca = os.path.join(folder, "authority.pem")
        own = os.path.join(folder, "policyhost.pem")
        for path, text in ((self.ca, pem(root)), (own, pem(leaf, key))):
            with open(path, "wb") as f:
                f.write(text)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(own)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def answer(self, domain):
        manner = self.manners.get(domain)
        policy = POLICY.format(domain=domain)
        kind = "text/html" if manner == "html" else "text/plain"
        if manner == "redirect":
            return "HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.good.test/.well-known/mta-sts.txt\r\n" \
                   "Content-Length: 0\r\n\r\n"
        if manner == "missing":
            return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        if manner == "large":
            policy += "x: y\r\n" * 20000
        if manner == "testing":
            policy = policy.replace("enforce", "testing")
        if manner == "nonsense":
            policy = "mode: enforce\r\n"
        return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(policy)}\r\n\r\n{policy}"

    def take_post(self, s, request):
        header, _, octets = request.partition(b"\r\n\r\n")
        first, *fields = header.decode().split("\r\n")
        fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in fields)}
        while len(octets) < int(fields["content-length"]):
            octets += s.recv(65536) or b"x" * 1000000  # what broke off is no report
        with self.posted:
            self.posts.append((first.split(" ")[1], fields, octets))
            status = self.post_status
            self.posted.notify_all()
        s.sendall(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())

    def await_posts(self, count, seconds=120):
        with self.posted:
            assert self.posted.wait_for(lambda: len(self.posts) >= count, seconds), f"{len(self.posts)} of {count}"

    def talk(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as s:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = s.recv(4096)
                    if not piece:
                        return
                    request += piece
                if request.startswith(b"POST "):
                    self.take_post(s, request)
                    return
                host = next(line.split(":")[1].strip() for line in request.decode().split("\r\n")
                            if line.lower().startswith("host:"))
                domain = host.removeprefix("mta-sts.")
                self.fetched[domain] = self.fetched.get(domain, 0) + 1
                said = self.answer(domain).encode()
                if self.manners.get(domain) == "drip":
                    for octet in said:  # until the client has enough of it
                        s.send(bytes([octet]))
                        if select.select([s], [], [], 0.1)[0]:
                            return
                else:
                    s.sendall(said)
        except (OSError, ssl.SSLError):
            pass

    def serve(self):
        while self.stopping[0] not in select.select([self.stopping[0], self.socket], [], [])[0]:
            threading.Thread(target=self.talk, args=(self.socket.accept()[0],), daemon=True).start()

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *why):
        os.write(self.stopping[1], b"x")
        self.thread.join()
        self.socket.close()
