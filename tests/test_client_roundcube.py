# SPDX-License-Identifier: ISC
"""Roundcube, Debian's, in a browser: signing in, folders, messages opened,
flagged, moved, deleted and searched. What the page shows and what the server
holds must be the same. (It sends nothing yet: there is no submission.)"""

import os
import shutil
import sqlite3
import subprocess
import time

import pytest

import events
import imapwire
from clients import CLIENT_SECONDS, Node, contents, letter, needs, new_mailbox, unique
from thunderbird import free_port

ROUNDCUBE = "/var/lib/roundcube"

pytestmark = [needs("php", "chromium", "node", "npm"),
              pytest.mark.skipif(not os.path.exists(f"{ROUNDCUBE}/index.php") and not os.environ.get("MAILSTEAD_CI"),
                                 reason="not installed: roundcube")]

CONFIG = """<?php
$config['db_dsnw'] = 'sqlite:///{folder}/db?mode=0600';
$config['imap_host'] = 'ssl://localhost:{port}';
$config['imap_conn_options'] = ['ssl' => ['verify_peer' => true, 'cafile' => '{ca}', 'peer_name' => '{hostname}']];
$config['imap_timeout'] = 60;
$config['smtp_host'] = '';
$config['des_key'] = 'twenty-four-characters-x';
$config['log_dir'] = '{folder}/logs/';
$config['temp_dir'] = '{folder}/temp/';
$config['plugins'] = [];
$config['language'] = 'en_US';
$config['skin'] = 'elastic';
$config['refresh_interval'] = 60;
$config['preview_pane_mark_read'] = 0;
"""


class Webmail:
    """Roundcube, served by PHP itself."""

    def __init__(self, house, folder):
        self.folder, self.port = folder, free_port()
        for name in ("config", "logs", "temp"):
            os.makedirs(folder / name)
        for name in ("defaults.inc.php", "mimetypes.php"):
            shutil.copy(f"/etc/roundcube/{name}", folder / "config" / name)
        (folder / "config" / "config.inc.php").write_text(CONFIG.format(
            folder=folder, port=house.port("imaps"), ca=house.ca, hostname=house.hostname), encoding="ascii")
        with sqlite3.connect(folder / "db") as db, open(f"{ROUNDCUBE}/SQL/sqlite.initial.sql", encoding="utf-8") as f:
            db.executescript(f.read())

    def __enter__(self):
        env = {**os.environ, "ROUNDCUBE_CONFIG_DIR": str(self.folder / "config"), "PHP_CLI_SERVER_WORKERS": "4"}
        self.log = self.folder / "php.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["php", "-S", f"127.0.0.1:{self.port}", "-t", ROUNDCUBE], env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + CLIENT_SECONDS
            with events.Writes(self.log) as writes:
                while "started" not in (said := self.log.read_text(errors="replace")):
                    assert self.process.poll() is None and time.monotonic() < deadline, said
                    writes.wait(1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *why):
        events.end_group(self.process, 60)

    def complaints(self):
        """What Roundcube found wrong with the server or itself."""
        path = self.folder / "logs" / "errors.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return [line for line in lines if "Login failed" not in line]


def sign_in(browser, user, password):
    browser("fill", "#rcmloginuser", user)
    browser("fill", "#rcmloginpwd", password)
    browser("click", "#rcmloginsubmit")


@pytest.fixture(scope="module")
def page(house, tmp_path_factory):
    with Webmail(house, tmp_path_factory.mktemp("rc")) as webmail, Node("browser.js") as browser:
        assert browser("goto", f"http://127.0.0.1:{webmail.port}/index.php") == 200
        sign_in(browser, house.alice, "wrong")
        browser("await_true", "document.body.textContent.includes('Login failed')")
        sign_in(browser, house.alice, house.password)
        browser("await_shown", "#messagelist tbody")
        yield browser
        assert webmail.complaints() == []


ROW = "#messagelist tbody tr.message:has(td.subject:has-text('{}'))"
READ = "!document.querySelector('#messagelist tr.message.selected.unread')"
IDLE = "!rcmail.busy && !document.querySelector('#messagestack .loading')"


def idle(page, action):
    """Roundcube takes no command while one is under way, and it looks for news of its own accord: what shall not be lost
    is given in the same moment in which nothing is under way."""
    page("await_true", f"{IDLE} && ({action}, true)")


def command(page, *words):
    idle(page, "rcmail.command(%s)" % ", ".join(map(repr, words)))


def open_folder(page, name, count):
    """Lists it, and again for as long as Roundcube is somewhere else."""
    command(page, "list", name)
    page("await_true", f"{IDLE} && (rcmail.env.mailbox == {name!r} || (rcmail.command('list', {name!r}), false))")
    page("await_true", f"document.querySelectorAll('#messagelist tbody tr.message').length == {count}")


def shown(page):
    return set(page("texts", "#messagelist tbody tr.message:visible td.subject a"))


def fresh(house, page, prefix, count):
    name = new_mailbox(house, prefix, [f"{prefix}-{n}" for n in range(1, count + 1)])
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'SUBSCRIBE "{name}"')
    page("reload")
    page("await_shown", f"#mailboxlist a[rel='{name}']")
    page("click", f"#mailboxlist a[rel='{name}']")
    open_folder(page, name, count)
    return name


def selected(page, subject):
    page("click", ROW.format(subject) + " td.subject")
    page("await_shown", ROW.format(subject).replace("tr.message", "tr.message.selected"))
    page("await_true", f"{READ} && {IDLE} && rcmail.commands.mark")


def search(page, words):
    """What finds one message."""
    page("fill", "#mailsearchform", words)
    idle(page, "document.querySelector('#mailsearchform').form.requestSubmit()")
    page("await_true", "document.querySelectorAll('#messagelist tbody tr.message').length == 1")


def settled(page):
    page("await_true", IDLE)


def test_the_folders(house, page):
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        there = {r[-1].decode() for r in wire.ok('LSUB "" "*"')}
    names = set(page("value", "[...document.querySelectorAll('#mailboxlist a[rel]')].map(a => a.rel)"))
    assert there | {"INBOX"} <= names
    special = dict(page("value", "[...document.querySelectorAll('#mailboxlist li')].map(l => [l.querySelector('a').rel, "
                                 "l.className])"))
    for name, kind in (("INBOX", "inbox"), ("Drafts", "drafts"), ("Sent", "sent"), ("Trash", "trash"), ("Junk", "junk")):
        assert kind in special[name].split(), special


def test_reading_and_flagging(house, page):
    name = fresh(house, page, "Cube", 3)
    assert shown(page) == {"Cube-1", "Cube-2", "Cube-3"}
    selected(page, "Cube-2")
    assert "this is the text." in page("frame_text", "#messagecontframe", "#messagebody")
    selected(page, "Cube-3")
    command(page, "mark", "flagged")  # of the menu that its button opens
    page("await_shown", ROW.format("Cube-3").replace("tr.message", "tr.message.flagged"))
    settled(page)
    assert contents(house, name) == {"Cube-1": set(), "Cube-2": {"\\Seen"}, "Cube-3": {"\\Seen", "\\Flagged"}}


def test_moving_and_deleting(house, page):
    target = unique("Cellar")
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'CREATE "{target}"')
        wire.ok(f'SUBSCRIBE "{target}"')
    name = fresh(house, page, "Carry", 3)
    selected(page, "Carry-1")
    command(page, "move", target)
    page("await_gone", ROW.format("Carry-1"))
    selected(page, "Carry-2")
    idle(page, "document.querySelector('#toolbar-menu a.delete').click()")
    page("await_gone", ROW.format("Carry-2"))
    settled(page)
    seen = frozenset({"\\Seen"})
    assert {s: f - seen for s, f in contents(house, name).items()} == {"Carry-3": set()}
    assert set(contents(house, target)) == {"Carry-1"}
    assert "Carry-2" in contents(house, "Trash")
    open_folder(page, target, 1)
    assert shown(page) == {"Carry-1"}


def test_searching(house, page):
    name = fresh(house, page, "Seek", 4)
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'APPEND "{name}"', letter("Seek-5", "A zebra crossed the Straße.\r\n"))
    open_folder(page, name, 5)
    search(page, "Seek-3")
    assert shown(page) == {"Seek-3"}
    command(page, "reset-search")
    page("await_true", "document.querySelectorAll('#messagelist tbody tr.message').length == 5")
    # In the bodies, with a letter that is not ASCII.
    page("value", "rcmail.env.search_mods = {'*': {text: 1}}, rcmail.env.search_scope = 'base'")
    search(page, "straße")
    assert shown(page) == {"Seek-5"}
    command(page, "reset-search")


def test_what_others_do_comes_with_the_next_look(house, page):
    name = fresh(house, page, "News", 2)
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'APPEND "{name}"', letter("News-3"))
        wire.select(name)
        wire.ok("STORE 1 +FLAGS (\\Deleted)")
        wire.ok("EXPUNGE")
    command(page, "checkmail")
    page("await_shown", ROW.format("News-3"))
    page("await_gone", ROW.format("News-1"))
    assert shown(page) == {"News-2", "News-3"}
