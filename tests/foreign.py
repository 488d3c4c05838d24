# SPDX-License-Identifier: ISC
"""Mail servers that others wrote, as destinations and as senders: Postfix and
its smtp-sink as Debian installs them, and OpenSMTPD, whose package conflicts
with Postfix's and is therefore unpacked by tools/install-deps, never installed.

    with Postfix(world, "mx.p.test", "127.0.1.9", ["ann@p.test"], "a.test", office) as peer:
        octets = peer.mail("the subject")

Each is at an address of its own and the port of the world, keeps its mail in
files, and sends what is for `domain` to the office. They need root."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import smtplib
import subprocess
import time

import events
from differential.servers import START_SECONDS, UNPACKED, Server, write

MAIL_USER = 5000  # owns the mail; no such user needs to exist
SECONDS = 90  # with sanitizers, on a machine that is busy


class Peer(Server):
    tls = True

    def __init__(self, world, hostname, address, recipients=(), domain=None, office=None):
        super().__init__()
        self.hostname, self.host, self.recipients = hostname, address, list(recipients)
        self.domain, self.office = domain, office
        self.ports = {"smtp": world.port}
        self.certificate = world.certificate(hostname) if self.tls else None
        self.mailbox = f"{self.dir}/mail"
        os.makedirs(self.mailbox)
        os.chown(self.mailbox, MAIL_USER, MAIL_USER)

    @property
    def output(self):
        return f"{self.dir}/output.log"

    def configure(self):
        """Written anew at each start."""

    def domains(self):
        return sorted({r.split("@")[1] for r in self.recipients})

    def await_log(self, pattern, count=1, seconds=SECONDS):
        return events.await_lines(self.output, pattern, count, seconds)

    def shakes_hands(self):
        """Whether it does what it offers: OpenSMTPD 6.8 cannot sign with OpenSSL 3, and breaks off."""
        with contextlib.suppress(OSError), smtplib.SMTP(self.host, self.port("smtp"), "app.test", timeout=60) as client:
            client.starttls()
            return True
        return False

    def count(self, pattern):
        with open(self.output, encoding="utf-8", errors="replace") as f:
            return len(re.findall(pattern, f.read()))

    def messages(self):
        """All that it has kept, as it was on the wire."""
        for folder, _, names in os.walk(self.mailbox):
            for name in names if not folder.endswith("/tmp") else ():
                with open(os.path.join(folder, name), "rb") as f:
                    yield f.read().replace(b"\n", b"\r\n")

    def mail(self, subject, copies=1):
        """The message of that subject, when the log tells that so many copies are kept."""
        deadline = time.monotonic() + SECONDS
        with events.Writes(self.output) as writes:
            while len(found := [m for m in self.messages() if f"\r\nSubject: {subject}\r\n".encode() in m]) < copies:
                assert time.monotonic() < deadline, f"{len(found)} of {copies}\n{self.log()}"
                writes.wait(1)  # it is told of before or after it is kept
        assert len(found) == copies
        return found[0]


class Silent(Peer):
    """Does not say when it listens."""

    def _await_ready(self, path, writes, before):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), self.connect(next(iter(self.ports))):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise RuntimeError(f"{self.name} ended: {self.process.wait(0.05)}\n{self.log()}")
        raise RuntimeError(f"{self.name} does not start:\n{self.log()}")


class SmtpSink(Silent):
    """It takes everything that is not in `hard`, and says what `words` are."""

    name, tls = "smtp-sink", False

    def __init__(self, world, hostname, address, hard=(), words=None):
        super().__init__(world, hostname, address)
        self.hard, self.words = hard, words
        os.chmod(self.mailbox, 0o777)

    @staticmethod
    def missing():
        return None if shutil.which("smtp-sink", path="/usr/sbin") else "no smtp-sink"

    def messages(self):
        return (m.removesuffix(b"\r\n") for m in super().messages())  # an empty line ends a dump

    def command(self):
        refusing = ["-f", ",".join(self.hard), "-B", self.words] if self.hard else []
        return ["/usr/sbin/smtp-sink", "-u", "nobody", "-h", self.hostname, "-d", f"{self.mailbox}/m.", *refusing,
                f"{self.host}:{self.port('smtp')}", "100"]


class Postfix(Peer):
    name = "postfix"
    ready = "daemon started"
    MASTER = "/usr/share/postfix/master.cf.dist"
    MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
myhostname = {hostname}
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = texthash:{dir}/domains
virtual_mailbox_maps = texthash:{dir}/recipients
virtual_mailbox_base = {mailbox}
virtual_mailbox_limit = 0
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
message_size_limit = 50000000
smtputf8_enable = yes
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {certificate}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtp_tls_security_level = encrypt
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
transport_maps = inline:{{ {domain}=smtp:[{office}]:{smtp} }}
"""

    @classmethod
    def missing(cls):
        if os.geteuid() != 0:
            return "Postfix starts as root only"
        return next((f"no {p}" for p in ("/usr/sbin/postfix", cls.MASTER) if not os.path.exists(p)), None)

    def configure(self):
        os.makedirs(f"{self.dir}/queue", exist_ok=True)
        os.makedirs(f"{self.dir}/data", exist_ok=True)
        os.chown(f"{self.dir}/data", pwd.getpwnam("postfix").pw_uid, -1)
        write(f"{self.dir}/etc/main.cf", self.MAIN.format(
            dir=self.dir, hostname=self.hostname, mailbox=self.mailbox, owner=MAIL_USER,
            certificate=self.certificate, domain=self.domain, office=self.office.host, **self.ports))
        with open(self.MASTER, encoding="utf-8") as f:
            services = re.sub(r"(?m)^(\S+ +(?:inet|unix|unix-dgram) +\S+ +\S+ +)y ", r"\1n ", f.read())
        write(f"{self.dir}/etc/master.cf", re.sub(r"(?m)^smtp( +inet)", rf"{self.host}:{self.port('smtp')}\1", services))
        write(f"{self.dir}/domains", "".join(f"{d} there\n" for d in self.domains()))
        write(f"{self.dir}/recipients", "".join(f"{r} all/\n" for r in self.recipients))

    def command(self):
        return ["/usr/sbin/postfix", "-c", f"{self.dir}/etc", "start-fg"]

    def stop(self):
        """Its master leads a session of its own."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if self.process:
                with open(f"{self.dir}/queue/pid/master.pid", encoding="ascii") as f:
                    master = int(f.read())
                members = events.group_members(master)
                os.kill(master, signal.SIGTERM)
                events.await_exits(members, 60)
        super().stop()


class OpenSmtpd(Peer):
    """In a namespace of mounts of its own, where its programs, users and folders are where it looks for them."""

    name = "opensmtpd"
    ready = "smtp: will accept"
    CONF = """
pki "{hostname}" cert "{certificate}"
pki "{hostname}" key "{key}"
table users {{ {users} }}
listen on {host} port {smtp} hostname "{hostname}" tls pki "{hostname}"
action "keep" maildir "{mailbox}/all" virtual <users>
action "ours" relay helo "{hostname}" tls no-verify host "smtp+tls://{office}:{smtp}"
match from any for domain {{ {domains} }} action "keep"
match from any for domain "{domain}" action "ours"
"""
    NAMESPACE = """
set -e
mount --make-rprivate /
mount --bind {dir}/passwd /etc/passwd
mount --bind {dir}/group /etc/group
mount -t tmpfs none /var/lib -o mode=755
mount -t tmpfs none /run -o mode=755
mount --bind {dir}/spool /var/spool
mkdir -p /var/lib/opensmtpd/empty
mount --bind {unpacked}/usr/sbin /usr/sbin
mount --bind {unpacked}/usr/libexec /usr/libexec
exec /usr/sbin/smtpd -d -v -f {dir}/smtpd.conf
"""
    USERS = {"opensmtpd": 64201, "opensmtpq": 64202, "mailbox": MAIL_USER}

    @staticmethod
    def missing():
        if os.geteuid() != 0:
            return "OpenSMTPD starts as root only"
        if not os.path.exists(f"{UNPACKED}/usr/libexec/opensmtpd"):
            return f"no OpenSMTPD in {UNPACKED}"
        return None

    def configure(self):
        key = f"{self.dir}/key.pem"
        shutil.copyfile(self.certificate, key)
        os.chmod(key, 0o600)
        values = {"dir": self.dir, "hostname": self.hostname, "host": self.host, "certificate": self.certificate,
                  "key": key, "mailbox": self.mailbox, "domain": self.domain, "office": self.office.host,
                  "unpacked": os.path.abspath(UNPACKED), **self.ports}
        users = ", ".join(f'"{r}" = mailbox' for r in self.recipients)
        domains = ", ".join(f'"{d}"' for d in self.domains())
        write(f"{self.dir}/smtpd.conf", self.CONF.format(users=users, domains=domains, **values))
        write(f"{self.dir}/namespace.sh", self.NAMESPACE.format(**values))
        os.makedirs(f"{self.dir}/spool/smtpd", exist_ok=True)
        os.chmod(f"{self.dir}/spool/smtpd", 0o711)
        for file, row in (("passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
            with open(f"/etc/{file}", encoding="utf-8") as f:
                write(f"{self.dir}/{file}", f.read() + "".join(row.format(*u) for u in self.USERS.items()))

    def command(self):
        return ["unshare", "-m", "/bin/sh", f"{self.dir}/namespace.sh"]
