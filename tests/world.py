# SPDX-License-Identifier: ISC
"""The world of the tests about outgoing mail: sites of ours, servers of others
and a DNS that leads to them, all on addresses of 127.0.0.0/8 and one port.

    with World(records) as world:
        office = world.office("a.test", "127.0.1.1")"""

import base64
import contextlib
import email
import email.policy
import hashlib
import json
import os
import re
import shutil
import smtplib
import socket
import ssl
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import dnsserver
import imapwire
import mailstead
import policyhost

PASSWORD = "secret"
# Shorter than operators have them, longer than a busy machine needs for what does not hang; the keys are settings.
SHORT = {**dict.fromkeys(("greeting", "hello", "mail", "rcpt", "data", "block", "dot", "connect"), "10 s"), "quit": "1 s"}


def certificates(path):
    """Those in a file, as the wire has them."""
    with open(path, encoding="ascii") as f:
        return [base64.b64decode(block) for block in
                re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", f.read(), re.S)]


def sha256_of_key(wire):
    key = x509.load_der_x509_certificate(wire).public_key()
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


class Office(mailstead.Site):
    """A site of ours with one domain, whose MX `mx.DOMAIN` is at an address of its own."""

    def __init__(self, world, domain, address):
        self.domain, self.host, self.world = domain, address, world
        self.hostname, self.password = f"mx.{domain}", PASSWORD
        certificate = world.certificate(self.hostname)
        listeners = "".join(f"listen {name} {{ address = {address}, port = {world.base + port}{more} }}\n"
                            for name, port, more in (("smtp", 25, ""), ("submission", 587, ", plain_auth = yes"),
                                                     ("submissions", 465, ""), ("imap", 143, ", plain_auth = yes")))
        super().__init__(f'resolver = "127.0.0.1:{world.dns.port}"\ntrust_anchor = "{world.anchor}"\n'
                         f'ca_file = "{world.ca}"\ntls {{ certificate = "{certificate}"; key = "{certificate}" }}\n'
                         f'source = "{address}"\n' + listeners)
        self.base, self.users_made = world.base, 0

    def __enter__(self):
        super().__enter__()
        self.run("domain", "add", self.domain)
        self.set("outbound.loopback", "on")
        self.set("outbound.port", str(self.world.base + 25))
        self.set("lookup.https_port", str(self.world.policies.port if self.world.policies else 443))
        self.set("lookup.https_networks", "127.0.0.0/8")
        for name, line in self.keys().items():
            self.world.dns.records[(self.world.dns.name(name), "TXT")] = [line]
        return self

    def set(self, name, value):
        self.run("set", name, value)

    def keys(self):
        """The DKIM records that are to be published: {name: text in quotes}."""
        shown = json.loads(self.run("domain", "show", self.domain, "--json"))["records"]
        found = {r["name"]: r["value"] for r in shown if "_domainkey" in r["name"]}
        assert len(found) == 2, shown
        return {name: " ".join(f'"{v[i:i + 250]}"' for i in range(0, len(v), 250)) for name, v in found.items()}

    # ---- people ----

    def account(self, name=None):
        self.users_made += 1
        address = f"{name or f'user{self.users_made}'}@{self.domain}"
        self.run("account", "add", address, "--password-stdin", stdin=PASSWORD + "\n")
        return address

    def submit(self, sender, recipients, subject, body=b"Hello.\r\n", mail=(), rcpt=(), header="", to=None, tls=False):
        """Sends as a mail app does, over 587 in clear (tls: with STARTTLS, "at once": over 465); the message's id."""
        message = (f"From: <{sender}>\r\nTo: {to or recipients[0]}\r\nSubject: {subject}\r\n{header}\r\n").encode() + body
        with self.submission(tls == "at once") as client:
            if tls is True:
                client.starttls(context=self.world.context())
            client.login(sender, PASSWORD)
            client.ehlo()
            code, words = client.mail(sender, list(mail))
            assert code == 250, words
            for address in recipients:
                code, words = client.rcpt(address, list(rcpt))
                assert code == 250, words
            code, words = client.data(message)
        assert code == 250, words
        return re.search(rb"as (\S+)", words).group(1).decode()

    def submission(self, at_once):
        if at_once:
            return smtplib.SMTP_SSL(self.host, self.port("submissions"), "app.test", timeout=120,
                                    context=self.world.context())
        return smtplib.SMTP(self.host, self.port("submission"), "app.test", timeout=120)

    def mail(self, owner, subject, mailbox="INBOX", seconds=90):
        """The octets of the one message of that subject, when it is there."""
        with imapwire.Wire(self).sign_in(owner) as wire:
            wire.select(mailbox)
            number = wire.await_message(subject, seconds)
            items = wire.fetch(number, "BODY.PEEK[]")[number]
        return next(v for k, v in items.items() if k.startswith(b"BODY["))

    def notices(self, owner, count, seconds=90):
        """What was told to a sender who gets nothing else, when there is so much of it."""
        with imapwire.Wire(self).sign_in(owner) as wire:
            wire.select()
            wire.await_found("ALL", count, seconds)
            found = wire.fetch("1:*", "BODY.PEEK[]")
        return [email.message_from_bytes(next(v for k, v in items.items() if k.startswith(b"BODY[")),
                                         policy=email.policy.default) for items in found.values()]

    # ---- what became of it ----

    def attempt(self, recipient, count=1, seconds=120):
        """What the log says of the last of so many attempts for a recipient: {field: value}."""
        pattern = rf'event=outbound\.(?:delivered|later|failed) .*\bto="?{re.escape(recipient)}"? .*'
        self.await_log(pattern, count, seconds)
        line = re.findall(pattern, self.log())[count - 1]
        fields = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)}
        fields["event"] = fields["event"].removeprefix("outbound.")
        return fields

    def queued(self, *selection):
        return json.loads(self.run("queue", "list", "--json", *selection))

    def story(self, number):
        return json.loads(self.run("trace", "--json", number))[0]["events"]


class World:
    """records and manners: see DnsServer; {port} in names becomes the port of all. `policies`: domains with an MTA-STS
    policy, see PolicyHost."""

    def __init__(self, records, manners=None, signed=None, policies=(), policy_manners=None):
        self.folder = tempfile.mkdtemp(prefix="mailstead-world-")
        os.chmod(self.folder, 0o755)
        self.base = mailstead.free_port_base()
        self.port = self.base + 25
        self.stack = contextlib.ExitStack()
        self.dns = dnsserver.DnsServer(
            {(n.format(port=self.port), t): rows for (n, t), rows in records.items()},
            {n.format(port=self.port): m for n, m in (manners or {}).items()}, signed)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = policyhost.certificate((), self.key, authority="World authority")
        self.policies = policyhost.PolicyHost(self.folder, policies, policy_manners or {}) if policies else None
        self.ca, self.anchor = os.path.join(self.folder, "roots.pem"), os.path.join(self.folder, "anchor")

    def __enter__(self):
        self.stack.enter_context(self.dns)
        roots = policyhost.pem(self.root)
        if self.policies:
            self.stack.enter_context(self.policies)
            with open(self.policies.ca, "rb") as f:
                roots += f.read()
        with open(self.ca, "wb") as f:
            f.write(roots)
        with open(self.anchor, "w", encoding="ascii") as f:
            f.write(self.dns.anchor if self.dns.signed else "")
        return self

    def __exit__(self, *why):
        try:
            self.stack.__exit__(*why)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def certificate(self, *names, trusted=True, chain=False):
        """The path of a file with a certificate for these names and its key; chain: with who issued it."""
        path = os.path.join(self.folder, f"{names[0]}{'' if trusted else '-untrusted'}.pem")
        key = ec.generate_private_key(ec.SECP256R1())
        root, root_key = self.root, self.key
        if not trusted:
            root_key = ec.generate_private_key(ec.SECP256R1())
            root = policyhost.certificate((), root_key, authority="Unknown authority")
        with open(path, "wb") as f:
            f.write(policyhost.pem(policyhost.certificate(names, key, root, root_key), *([root] if chain else []), key))
        os.chmod(path, 0o644)
        return path

    def context(self):
        made = ssl.create_default_context(cafile=self.ca)
        made.check_hostname = False
        return made

    def office(self, domain, address):
        """A site that runs as long as the world."""
        return self.stack.enter_context(Office(self, domain, address))

    def server(self, made):
        """The same for a server of a test's own."""
        return self.stack.enter_context(made)

    def txt(self, name, **_):
        """What dkimpy asks of the DNS."""
        rows = self.dns.records.get((self.dns.name(name.decode()), "TXT"))
        return "".join(re.findall(r'"([^"]*)"', rows[0])).encode() if rows else None


class Peer:
    """A mail server elsewhere in threads: `talk(socket)` is one connection. `reached` counts them."""

    def __init__(self, address, port, talk):
        self.talk, self.open, self.changed = talk, set(), threading.Condition()
        self.reached = 0
        self.socket = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)

    def serve(self):
        while True:
            try:
                one = self.socket.accept()[0]
            except OSError:
                return
            with self.changed:
                self.reached += 1
                self.open.add(one)
                self.changed.notify_all()
            threading.Thread(target=self.one, args=(one,), daemon=True).start()

    def one(self, connection):
        with contextlib.suppress(OSError, ValueError):
            self.talk(connection)
        with self.changed:
            self.open.discard(connection)
            self.changed.notify_all()
        connection.close()

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *why):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        with self.changed:
            for one in self.open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
