# SPDX-License-Identifier: ISC
"""A Thunderbird on a display of its own (Xvfb), driven from inside by
Marionette, which every Mozilla program speaks: frames LENGTH:JSON over TCP,
requests [0, id, name, parameters], answers [1, id, error, result]."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

import events

START_SECONDS = 120
SCRIPT_SECONDS = 60

# Nothing starts by itself, nothing asks, and every name is this host.
PREFERENCES = {
    "app.donation.eoy.version.viewed": 999, "app.normandy.enabled": False, "app.update.auto": False,
    "app.update.enabled": False, "browser.cache.disk.enable": False, "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False, "extensions.blocklist.enabled": False,
    "extensions.getAddons.cache.enabled": False, "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "mail.inappnotifications.enabled": False, "mail.inappnotifications.url": "", "mail.provider.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True, "mail.rights.version": 1, "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True, "mail.winsearch.firstRunDone": True, "mail.ui-rdf.version": 99,
    "mail.warn_on_delete_from_trash": False, "mail.prompt_purge_threshhold": False, "mail.biff.show_alert": False,
    "mail.biff.play_sound": False, "mailnews.start_page.enabled": False, "mailnews.database.global.indexer.enabled": False,
    "mailnews.mark_message_read.delay": False, "network.dns.forceResolve": "127.0.0.1", "network.manage-offline-status": False,
    "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
    "offline.autoDetect": False, "offline.download.download_messages": 2, "offline.send.unsent_messages": 2,
    "toolkit.telemetry.enabled": False, "toolkit.telemetry.server": "", "services.settings.server": "",
    "mail.server.default.autosync_offline_stores": False, "mail.server.default.check_new_mail": False,
    "mail.server.default.login_at_startup": False,
    "security.enterprise_roots.enabled": False, "places.history.enabled": False, "calendar.integration.notify": False,
}

# What every script finds: mail's services, and a way to wait until something holds.
PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
const main = Services.wm.getMostRecentWindow("mail:3pane");
const tabmail = main?.document.getElementById("tabmail");
const pane = tabmail?.currentAbout3Pane;
const until = async (what, test) => {
	for (const end = Date.now() + 20000; Date.now() < end;) {
		const got = await test();
		if (got)
			return got;
		await new Promise(next => main.setTimeout(next, 50));
	}
	throw new Error("in vain: " + what);
};
const server = () => MailServices.accounts.allServers.find(s => s.type == "imap");
const folder = name => server().rootFolder.descendants.find(f => f.prettyName == name || f.onlineName == name || f.name == name);
const messages = f => [...f.messages];
const message = (f, subject) => messages(f).find(m => m.mime2DecodedSubject == subject);
"""


class ScriptError(Exception):
    """What a script threw."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Thunderbird:
    """`with Thunderbird(folder) as tb:` and then tb.js("return 1 + args[0]", 2)."""

    def __init__(self, folder, **preferences):
        self.profile = folder / "profile"
        self.port = free_port()
        self.count = 0
        os.makedirs(self.profile)
        wanted = {**PREFERENCES, **preferences, "marionette.port": self.port}
        (self.profile / "user.js").write_text(
            "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in wanted.items()), encoding="ascii")
        self.log = folder / "thunderbird.log"

    def __enter__(self):
        env = {**os.environ, "HOME": str(self.profile), "TMPDIR": str(self.profile), "MOZ_DISABLE_CONTENT_SANDBOX": "1", "NO_AT_BRIDGE": "1",
               "MOZ_CRASHREPORTER_DISABLE": "1", "LC_ALL": "C.UTF-8"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["xvfb-run", "-a", "-s", "-screen 0 1280x900x24", "thunderbird", "--marionette",
                 "--remote-allow-system-access", "--no-remote", "--profile", str(self.profile)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        try:
            self._connect()
            self.call("WebDriver:NewSession", strictFileInteractability=False)
            self.call("Marionette:SetContext", value="chrome")
            self.call("WebDriver:SetTimeouts", script=SCRIPT_SECONDS * 1000)
            self.js("await until('window', () => pane?.document.readyState == 'complete')")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *why):
        with contextlib.suppress(AttributeError):
            self.socket.close()
        members = events.group_members(self.process.pid)
        with contextlib.suppress(ProcessLookupError, AssertionError):
            os.killpg(self.process.pid, signal.SIGTERM)  # first: a display that is killed leaves its lock behind
            events.await_exits(members, 30)
        events.end_group(self.process, 60)

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _connect(self):
        """When it listens."""
        deadline = time.monotonic() + START_SECONDS
        with events.Writes(self.log) as writes:
            while not re.search(rf"Listening on port {self.port}", self.log.read_text(errors="replace")):
                assert self.process.poll() is None and time.monotonic() < deadline, self.said()
                writes.wait(1)
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS)
        self.pending = b""
        self._receive()  # who it is

    def _receive(self):
        while b":" not in self.pending:
            self._more()
        size, _, self.pending = self.pending.partition(b":")
        while len(self.pending) < int(size):
            self._more()
        said, self.pending = self.pending[:int(size)], self.pending[int(size):]
        return json.loads(said)

    def _more(self):
        assert select.select([self.socket], [], [], SCRIPT_SECONDS + 30)[0], "silent\n" + self.said()
        piece = self.socket.recv(1 << 16)
        assert piece, "ended\n" + self.said()
        self.pending += piece

    def call(self, name, **parameters):
        self.count += 1
        octets = json.dumps([0, self.count, name, parameters]).encode()
        self.socket.sendall(b"%d:" % len(octets) + octets)
        _, number, error, result = self._receive()
        assert number == self.count
        if error:
            raise ScriptError(f"{error.get('error')}: {error.get('message')}\n{error.get('stacktrace')}")
        return result

    def js(self, body, *args):
        """Runs the body of an async function inside; what it returns."""
        script = (PRELUDE + "const done = arguments[arguments.length - 1];\n"
                  "(async args => {" + body + "})([...arguments].slice(0, -1)).then(\n"
                  "r => done({ good: r === undefined ? null : r }), e => done({ bad: e + '\\n' + e.stack }));")
        got = self.call("WebDriver:ExecuteAsyncScript", script=script, args=list(args), sandbox="system",
                        newSandbox=True)["value"]
        if "bad" in got:
            raise ScriptError(got["bad"])
        return got["good"]
