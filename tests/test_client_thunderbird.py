# SPDX-License-Identifier: ISC
"""Thunderbird over TLS, as its user: the account, the folder list, messages
opened, flagged, moved and deleted, new mail while it is open, and changes made
offline that reach the server afterwards. What it shows is read from its
windows, what became of it from the server."""

import base64
import re

import pytest

import imapwire
from clients import contents, letter, needs, new_mailbox, unique
from thunderbird import Thunderbird

pytestmark = needs("thunderbird", "xvfb-run")

TRUST = """
const [certificate] = args;
Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(certificate, "CT,,");
"""

ADD_ACCOUNT = """
const [user, password, host, port] = args;
const Login = Components.Constructor("@mozilla.org/login-manager/loginInfo;1", Ci.nsILoginInfo, "init");
await Services.logins.addLoginAsync(new Login(`imap://${host}`, null, `imap://${host}`, user, password, "", ""));
const incoming = MailServices.accounts.createIncomingServer(user, host, "imap");
incoming.port = port;
incoming.socketType = Ci.nsMsgSocketType.SSL;
incoming.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
const identity = MailServices.accounts.createIdentity();
identity.email = user;
identity.fullName = "Alice";
const account = MailServices.accounts.createAccount();
account.addIdentity(identity);
account.incomingServer = incoming;
MailServices.accounts.defaultAccount = account;
// The user clicks on the inbox, which signs in, and then opens the list.
pane.displayFolder(folder("INBOX").URI);
folder("INBOX").updateFolder(main.msgWindow);
await until("the inbox", () => pane.gDBView?.rowCount > 0);
incoming.performExpand(main.msgWindow);
await until("folders", () => folder("Trash"));
"""

# The folder is what the three panes show, and up to date.
OPEN = """
const [name, count] = args;
await until("the folder " + name, () => folder(name));
const opened = folder(name);
pane.displayFolder(opened.URI);
opened.updateFolder(main.msgWindow);
await until(`${count} messages in ${name}`, () => pane.gFolder == opened && opened.getTotalMessages(false) == count &&
	messages(opened).length == count && pane.gDBView?.rowCount == count);
"""

# Clicks on the row of a message, and gives what the window shows of it.
READ = """
const [name, subject] = args;
const view = pane.gDBView;
pane.threadTree.selectedIndex = await until(subject, () => {
	for (let row = 0; row < view.rowCount; row++)
		if (view.getMsgHdrAt(row).mime2DecodedSubject == subject)
			return row + 1;
}) - 1;
return await until("the text of " + subject, () => {
	const shown = tabmail.currentAboutMessage;
	const body = shown?.getMessagePaneBrowser()?.contentDocument?.body?.textContent;
	return shown?.gMessage?.mime2DecodedSubject == subject && body?.trim() &&
		{ body, subject: shown.document.getElementById("expandedsubjectBox").textContent };
});
"""

SELECT = """
const [name, subjects] = args;
const view = pane.gDBView, rows = [];
for (let row = 0; row < view.rowCount; row++)
	if (subjects.includes(view.getMsgHdrAt(row).mime2DecodedSubject))
		rows.push(row);
pane.threadTree.selectedIndices = rows;
await until("the selection", () => pane.gDBView.getSelectedMsgHdrs().length == subjects.length);
"""

# A command of the window's menus, on what is selected.
COMMAND = "await until(args[0], () => pane.commandController.isCommandEnabled(args[0])); " \
          "pane.commandController.doCommand(args[0]);"
MOVE = "pane.commandController.doCommand('cmd_moveMessage', folder(args[0]));"

OFFLINE = """
main.MailOfflineMgr.toggleOfflineStatus();
await until("the other state", () => Services.io.offline == args[0]);
"""

SHOWN = """
const shown = {};
for (let row = 0; row < pane.gDBView.rowCount; row++) {
	const hdr = pane.gDBView.getMsgHdrAt(row);
	shown[hdr.mime2DecodedSubject] = [hdr.isRead && "read", hdr.isFlagged && "starred"].filter(x => x);
}
return shown;
"""


@pytest.fixture(scope="module")
def bird(house, tmp_path_factory):
    with Thunderbird(tmp_path_factory.mktemp("tb")) as tb:
        with open(house.ca, encoding="ascii") as f:
            tb.js(TRUST, re.sub(r"-----[^-]+-----|\s", "", f.read()))
        tb.js(ADD_ACCOUNT, house.alice, house.password, house.hostname, house.port("imaps"))
        yield tb


def fresh(house, bird, prefix, count):
    """A mailbox with messages that Thunderbird shows."""
    name = new_mailbox(house, prefix, [f"{prefix}-{n}" for n in range(1, count + 1)])
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'SUBSCRIBE "{name}"')
    bird.js("server().performExpand(main.msgWindow);")
    bird.js(OPEN, name, count)
    return name


def await_contents(house, bird, mailbox, wanted, but=frozenset()):
    """Until the server holds that; it is asked each time that Thunderbird had a turn."""
    for _ in range(200):
        found = {s: flags - but for s, flags in contents(house, mailbox).items()}
        if found == wanted:
            return
        bird.js("await new Promise(next => main.setTimeout(next, 100));")
    assert found == wanted


def await_shown(bird, *subjects):
    """Until the list of messages is those."""
    bird.js("""
        const subject = (_, row) => pane.gDBView.getMsgHdrAt(row).mime2DecodedSubject;
        const rows = () => Array.from({ length: pane.gDBView.rowCount }, subject);
        await until(`${args[0]} instead of ${rows()}`, () => rows().sort().join() == args[0]);""",
            ",".join(sorted(subjects)))


def test_the_account_and_its_folders(house, bird):
    bird.js("await until('the folders', () => folder('Archive'));")
    names = bird.js("return server().rootFolder.descendants.map(f => "
                    "f.QueryInterface(Ci.nsIMsgImapMailFolder).onlineName)")
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        there = {r[-1].decode() for r in wire.ok('LSUB "" "*"')} | {"INBOX"}
    assert there <= set(names)
    labels = bird.js("""
        await until("rows", () => pane.folderTree.querySelectorAll("li").length > 2);
        return [...pane.folderTree.querySelectorAll("li .name")].map(n => n.textContent);""")
    assert "Inbox" in labels and any(house.alice in label for label in labels)
    special = bird.js("return Object.fromEntries(server().rootFolder.descendants.map(f => "
                      "[f.QueryInterface(Ci.nsIMsgImapMailFolder).onlineName, f.flags]))")
    flag = bird.js("return {Trash: Ci.nsMsgFolderFlags.Trash, Sent: Ci.nsMsgFolderFlags.SentMail, "
                   "Drafts: Ci.nsMsgFolderFlags.Drafts, Junk: Ci.nsMsgFolderFlags.Junk}")
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        uses = {r[-1].decode(): {a.decode().lstrip("\\") for a in r[2]} for r in wire.ok('LIST "" "*"')}
    told = [(name, use) for name, attributes in uses.items() for use in attributes & set(flag)]
    assert {use for _, use in told} == set(flag)
    for name, use in told:
        assert special[name] & flag[use], (name, use)


def test_reading_marks_as_read_and_a_star_is_a_flag(house, bird):
    name = fresh(house, bird, "Read", 3)
    assert bird.js(SHOWN) == {"Read-1": [], "Read-2": [], "Read-3": []}
    got = bird.js(READ, name, "Read-2")
    assert got["subject"].endswith("Read-2") and "this is the text." in got["body"]
    bird.js(SELECT, name, ["Read-3"])
    bird.js(COMMAND, "cmd_markAsFlagged")
    await_contents(house, bird, name, {"Read-1": set(), "Read-2": {"\\Seen"}, "Read-3": {"\\Seen", "\\Flagged"}})
    assert bird.js(SHOWN) == {"Read-1": [], "Read-2": ["read"], "Read-3": ["read", "starred"]}
    bird.js(COMMAND, "cmd_markAsUnread")
    await_contents(house, bird, name, {"Read-1": set(), "Read-2": {"\\Seen"}, "Read-3": {"\\Flagged"}})


def test_moving_and_deleting(house, bird):
    target = unique("Target")
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'CREATE "{target}"')
        wire.ok(f'SUBSCRIBE "{target}"')
    name = fresh(house, bird, "Move", 4)
    bird.js("await until(args[0], () => folder(args[0]));", target)
    bird.js(SELECT, name, ["Move-1", "Move-3"])
    bird.js(MOVE, target)
    seen = frozenset({"\\Seen"})
    await_contents(house, bird, target, {"Move-1": set(), "Move-3": set()}, seen)
    await_shown(bird, "Move-2", "Move-4")
    bird.js(SELECT, name, ["Move-2"])
    bird.js(COMMAND, "cmd_delete")
    await_contents(house, bird, name, {"Move-4": set()}, seen)
    await_shown(bird, "Move-4")
    assert "Move-2" in contents(house, "Trash")
    bird.js(OPEN, target, 2)
    await_shown(bird, "Move-1", "Move-3")


def test_what_others_do_is_shown_while_it_is_open(house, bird):
    name = fresh(house, bird, "Live", 2)
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'APPEND "{name}"', letter("Live-3"))
        await_shown(bird, "Live-1", "Live-2", "Live-3")
        wire.select(name)
        wire.ok("STORE 1 +FLAGS (\\Flagged \\Seen)")
        bird.js("await until('the star', () => message(pane.gFolder, 'Live-1').isFlagged);")
        wire.ok("STORE 2 +FLAGS (\\Deleted)")
        wire.ok("EXPUNGE")
        await_shown(bird, "Live-1", "Live-3")
    assert bird.js(SHOWN) == {"Live-1": ["read", "starred"], "Live-3": []}


def test_changes_made_offline_reach_the_server_and_the_others_way_too(house, bird):
    target = unique("Away")
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'CREATE "{target}"')
        wire.ok(f'SUBSCRIBE "{target}"')
    name = fresh(house, bird, "Off", 8)
    bird.js("await until(args[0], () => folder(args[0]));", target)
    bird.js(READ, name, "Off-1")
    # Everything is here before it goes.
    bird.js("""
        const download = Promise.withResolvers();
        pane.gFolder.downloadAllForOffline({ QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
            OnStartRunningUrl() {}, OnStopRunningUrl(url, status) { download.resolve(status); } }, main.msgWindow);
        await download.promise;""")
    # Of a message that was read and then moved offline, Thunderbird plays back the one now and the other much later.
    bird.js("Services.prefs.setBoolPref('mailnews.mark_message_read.auto', false);")
    bird.js(OFFLINE, True)
    assert "this is the text." in bird.js(READ, name, "Off-2")["body"]
    bird.js(SELECT, name, ["Off-3"])
    bird.js(COMMAND, "cmd_markAsFlagged")
    bird.js(SELECT, name, ["Off-4"])
    bird.js(MOVE, target)
    bird.js(SELECT, name, ["Off-5"])
    bird.js(COMMAND, "cmd_delete")
    with imapwire.Wire(house).sign_in(house.alice) as wire:  # meanwhile
        wire.select(name)
        wire.ok("STORE 8 +FLAGS (\\Answered)")
        wire.ok("STORE 1 +FLAGS (\\Deleted)")
        wire.ok("EXPUNGE")
        wire.ok(f'APPEND "{name}"', letter("Off-9"))
    bird.js(OFFLINE, False)
    # It plays back flags when it is online again, and moves when it looks at the folder next.
    marks = frozenset({"\\Seen", "$MDNSent"})  # which it sets by itself
    wanted = {"Off-2": set(), "Off-3": {"\\Flagged"}, "Off-6": set(), "Off-7": set(), "Off-8": {"\\Answered"}, "Off-9": set()}
    await_contents(house, bird, name, {**wanted, "Off-4": set(), "Off-5": set()}, marks)
    bird.js("folder(args[0]).updateFolder(main.msgWindow);", name)
    await_contents(house, bird, name, wanted, marks)
    await_contents(house, bird, target, {"Off-4": set()})
    assert "Off-5" in contents(house, "Trash")
    bird.js("folder(args[0]).updateFolder(main.msgWindow);", name)
    await_shown(bird, *wanted)
    assert "starred" in bird.js(SHOWN)["Off-3"]


def test_a_message_with_parts_is_shown(house, bird):
    name = new_mailbox(house, "Parts", [])
    attachment = base64.b64encode(b"The attached text.").decode()
    whole = ("From: Jörg <joerg@elsewhere.test>\r\nTo: <alice@demo.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
             "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <parts@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
             'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n'
             "Content-Transfer-Encoding: 8bit\r\n\r\nSchöne Grüße\r\n--b\r\nContent-Type: text/plain; name=notes.txt\r\n"
             "Content-Disposition: attachment; filename=notes.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n"
             f"{attachment}\r\n--b--\r\n").encode()
    with imapwire.Wire(house).sign_in(house.alice) as wire:
        wire.ok(f'SUBSCRIBE "{name}"')
        wire.ok(f'APPEND "{name}"', whole)
    bird.js("server().performExpand(main.msgWindow);")
    bird.js(OPEN, name, 1)
    assert "Schöne Grüße" in bird.js(READ, name, "Grüße")["body"]
    assert bird.js("""
        const list = await until("attachments", () => tabmail.currentAboutMessage.currentAttachments?.length &&
            tabmail.currentAboutMessage.currentAttachments);
        return list.map(a => [a.name, a.contentType]);""") == [["notes.txt", "text/plain"]]
