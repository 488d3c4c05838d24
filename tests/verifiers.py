# SPDX-License-Identifier: ISC
"""What software that others wrote says of signatures: dkimpy, OpenDKIM and
rspamd, as Debian has them. Keys are {name: record} or come from the world's DNS."""

import json
import os
import re
import shutil
import subprocess
import urllib.request

import dkim

from differential.servers import write
from foreign import Silent

OPENDKIM = shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin")


def by_dkimpy(message, dns):
    """Of each DKIM signature whether it holds."""
    held = []
    for i in range(len(re.findall(rb"(?mi)^DKIM-Signature:", message.split(b"\r\n\r\n")[0]))):
        try:
            held.append(dkim.DKIM(message).verify(idx=i, dnsfunc=dns))
        except dkim.ValidationError:  # of the body
            held.append(False)
    return held


def by_opendkim(folder, keys, message):
    """The algorithms of the signatures that hold, in their order; for others what it said."""
    names = {name: os.path.join(folder, f"opendkim.{name}") for name in ("keys", "conf", "eml")}
    write(names["keys"], "".join(f"{name} {record}\n" for name, record in keys.items()))
    write(names["conf"], f"Mode v\nTestPublicKeys {names['keys']}\nBackground no\nSyslog no\n")
    with open(names["eml"], "wb") as f:
        f.write(message)
    done = subprocess.run([OPENDKIM, "-x", names["conf"], "-vv", "-t", names["eml"]], capture_output=True, text=True,
                          timeout=120, check=False)
    said = done.stdout + done.stderr
    return re.findall(r"dkim=pass .*header\.a=(\S+)", said) if done.returncode == 0 else said


class Rspamd(Silent):
    """Its modules of DKIM and ARC, asking the world's DNS."""

    name, tls = "rspamd", False
    CONF = """
options {{
    pidfile = "{dir}/pid";
    control_socket = "{dir}/control mode=0600";
    cache_file = "{dir}/symbols";
    hs_cache_dir = "{dir}/";
    tempdir = "{dir}/";
    url_tld = "{dir}/tld";
    dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 30s; retransmits = 2; sockets = 1; }}
    filters = "dkim";
    explicit_modules = ["dkim", "arc"];
    task_timeout = 60s;
    local_addrs = [];
}}
logging {{ type = "console"; level = "notice"; }}
worker "normal" {{ bind_socket = "{host}:{smtp}"; count = 1; mime = true; task_timeout = 60s; }}
modules {{ path = "/usr/share/rspamd/plugins/arc.lua"; }}
dkim {{ trusted_only = false; skip_multi = false; }}
arc {{ sign_inbound = false; sign_local = false; sign_authenticated = false; }}
"""

    def __init__(self, world, address):
        super().__init__(world, "rspamd.test", address)
        self.dns = world.dns.port

    @staticmethod
    def missing():
        return None if os.path.exists("/usr/bin/rspamd") else "no rspamd"

    def configure(self):
        write(f"{self.dir}/tld", "// ===BEGIN ICANN DOMAINS===\ntest\n// ===END ICANN DOMAINS===\n")
        write(f"{self.dir}/rspamd.conf", self.CONF.format(dir=self.dir, dns=self.dns, host=self.host, **self.ports))

    def command(self):
        return ["/usr/bin/rspamd", "-i", "-f", "-c", f"{self.dir}/rspamd.conf"]

    def _await_greetings(self):
        """HTTP has none."""

    def symbols(self, message):
        """{symbol: its options}."""
        asked = urllib.request.Request(f"http://{self.host}:{self.port('smtp')}/checkv2", message,
                                       {"IP": "192.0.2.1", "Content-Type": "message/rfc822"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=120) as answer:
            return {name: found.get("options", []) for name, found in json.load(answer)["symbols"].items()}
