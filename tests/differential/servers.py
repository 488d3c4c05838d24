# SPDX-License-Identifier: ISC
"""The other servers, each in a private folder on a port of its own: Dovecot 2.3
as Debian installs it, and Cyrus 3.6, whose packages conflict with Dovecot's and
are therefore unpacked by tools/install-deps, never installed.

    with Dovecot() as server: Wire(server, "imap").sign_in(server.account)

They have the face of Mailstead in tests/mailstead.py: host, port(name),
connect(name), password; `account` is whose mailbox the scripts use. Both need
root, since their masters give their children users of their own."""

import contextlib
import glob
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import events

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNPACKED = os.environ.get("MAILSTEAD_UNPACKED", os.path.join(ROOT, "build/unpacked"))
MAIL_USER = 5000  # who owns Dovecot's mail; no such user needs to exist
START_SECONDS = 120


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Server:
    """A master process in the foreground, its configuration and its mail."""

    host = "127.0.0.1"
    password = "demo"
    account = "alice"

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix=f"{self.name}-test-")
        os.chmod(self.dir, 0o755)
        self.ports = {"imap": free_port(), "pop3": free_port()}
        self.process = None

    def port(self, name):
        return self.ports[name]

    def connect(self, name, host=None):
        return socket.create_connection((host or self.host, self.port(name)), timeout=60)

    def start(self):
        self.configure()
        with open(f"{self.dir}/output.log", "ab") as log, events.Writes(log.name) as writes:
            before = log.tell()
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment()}, start_new_session=True)
            self._await_ready(log.name, writes, before)
        self._await_greetings()
        return self

    def _await_greetings(self):
        for name in self.ports:  # it listens; who answers may still be starting
            with self.connect(name) as s:
                assert s.recv(100), self.log()

    def environment(self):
        return {}

    def _await_ready(self, path, writes, before):
        """Until its output has, behind what an earlier life left, the line that it writes when it listens."""
        deadline = time.monotonic() + START_SECONDS
        with open(path, encoding="utf-8", errors="replace") as f:
            f.seek(before)
            said = ""
            while self.ready not in (said := said + f.read()):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not start:\n{self.log()}")
                writes.wait(1)  # a process that ends without a word writes nothing

    def log(self):
        said = ""
        for path in glob.glob(f"{self.dir}/*.log"):
            with open(path, encoding="utf-8", errors="replace") as f:
                said += f.read()[-3000:]
        return said

    def stop(self):
        """Ends the master and all that is left of its session."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        events.end_group(self.process, 20)
        self.process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Dovecot(Server):
    name = "dovecot"
    ready = " starting up for "

    @staticmethod
    def missing():
        """Why it cannot run here, or None."""
        if os.geteuid() != 0:
            return "Dovecot starts as root only"
        for program in ("/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3"):
            if not os.path.exists(program):
                return f"no {program}"
        return None

    CONF = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = /dev/stderr
protocols = imap pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = sdbox:~/sdbox
mail_max_userip_connections = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home={dir}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""

    def configure(self):
        for name, owner in (("mail", MAIL_USER), ("run", 0), ("state", 0)):
            os.makedirs(f"{self.dir}/{name}")
            os.chown(f"{self.dir}/{name}", owner, owner)
        write(f"{self.dir}/dovecot.conf",
              self.CONF.format(dir=self.dir, password=self.password, owner=MAIL_USER, **self.ports))

    def command(self):
        return ["/usr/sbin/dovecot", "-F", "-c", f"{self.dir}/dovecot.conf"]


class Saslauthd(threading.Thread):
    """Answers Cyrus's question for a password: a stream of name, password,
    service and realm, each behind its length in two octets."""

    def __init__(self, path, password):
        super().__init__(daemon=True)
        self.password = password.encode()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen(64)

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, struct.error), s, s.makefile("rb") as asked:
                fields = [asked.read(struct.unpack(">H", asked.read(2))[0]) for _ in range(4)]
                said = b"OK" if fields[1] == self.password else b"NO"
                s.sendall(struct.pack(">H", len(said)) + said)

    def end(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Cyrus(Server):
    name = "cyrus"
    ready = "listening"  # see EVENTS
    owner = "nobody"

    @staticmethod
    def missing():
        if os.geteuid() != 0:
            return "Cyrus starts as root only"
        for program in ("master", "imapd", "pop3d"):
            if not os.path.exists(f"{UNPACKED}/usr/lib/cyrus/bin/{program}"):
                return f"no {program} of Cyrus in {UNPACKED}"
        return None

    IMAPD = """
configdirectory: {dir}/conf
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
defaultpartition: default
partition-default: {dir}/spool
cyrus_user: {owner}
servername: mail.demo.test
altnamespace: yes
unixhierarchysep: yes
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {dir}/mux
sasl_mech_list: PLAIN
autocreate_quota: 0
autocreate_post: no
maxlogins_per_user: 0
popminpoll: 0
failedloginpause: 0
munge8bit: no
reject8bit: no
umask: 077
hashimapspool: false
idlesocket: {dir}/idle
imapidlepoll: 1
"""
    CONF = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {dir}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {dir}/imapd.conf" listen="127.0.0.1:{imap}" prefork=1
  pop3 cmd="{bin}/pop3d -C {dir}/imapd.conf" listen="127.0.0.1:{pop3}" prefork=1
}}
EVENTS {{
  listening cmd="/bin/echo listening"
}}
DAEMON {{
  idled cmd="{bin}/idled -C {dir}/imapd.conf"
}}
"""

    def environment(self):
        return {"LD_LIBRARY_PATH": ":".join(glob.glob(f"{UNPACKED}/usr/lib/*-linux-gnu*")), "CYRUS_USER": self.owner}

    def configure(self):
        for name in ("conf", "proc", "lock", "spool"):
            os.makedirs(f"{self.dir}/{name}")
        values = {"dir": self.dir, "bin": f"{UNPACKED}/usr/lib/cyrus/bin", "owner": self.owner, **self.ports}
        write(f"{self.dir}/imapd.conf", self.IMAPD.format(**values))
        write(f"{self.dir}/cyrus.conf", self.CONF.format(**values))
        self.passwords = Saslauthd(f"{self.dir}/mux", self.password)
        self.passwords.start()
        shutil.chown(self.dir, self.owner)
        for folder, names, files in os.walk(self.dir):
            for n in names + files:
                shutil.chown(os.path.join(folder, n), self.owner)

    def command(self):
        return [f"{UNPACKED}/usr/lib/cyrus/bin/master", "-D", "-C", f"{self.dir}/imapd.conf",
                "-M", f"{self.dir}/cyrus.conf", "-p", f"{self.dir}/master.pid"]

    def stop(self):
        super().stop()
        if hasattr(self, "passwords"):
            self.passwords.end()
