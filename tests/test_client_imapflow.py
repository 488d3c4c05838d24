# SPDX-License-Identifier: ISC
"""imapflow, the client of many web services: a life of a mailbox with it, what
it is told while it idles, and what it learns by CONDSTORE and QRESYNC when it
comes again."""

import json

import pytest

import imapwire
from clients import Node, contents, letter, needs, new_mailbox, unique

pytestmark = needs("node", "npm")


def flow(house, port="imap", **options):
    node = Node("imapflow.js", json.dumps({
        "host": house.host, "port": house.port(port), "secure": port == "imaps", "disableAutoIdle": True,
        "tls": {"ca": read(house.ca), "servername": house.hostname}, "emitLogs": False,
        "auth": {"user": house.alice, "pass": house.password}, **options}))
    node("connect")
    return node


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def by_subject(fetched):
    return {m["envelope"]["subject"]: m for m in fetched}


@pytest.mark.parametrize("port", ["imap", "imaps"])  # imapflow takes STARTTLS where it can
def test_imapflow_lists_reads_flags_moves_and_deletes(house, port):
    mailbox = new_mailbox(house, "Flow", [f"flow-{n}" for n in range(1, 6)])
    other = unique("Flow-other")
    with flow(house, port) as node:
        assert node("mailboxCreate", other)["created"]
        listed = {b["path"]: b for b in node("list", {"statusQuery": {"messages": True, "unseen": True}})}
        assert {mailbox, other, "INBOX"} <= set(listed)
        assert listed[mailbox]["status"]["messages"] == 5 and listed[mailbox]["status"]["unseen"] == 5
        assert listed["INBOX"]["specialUse"] == "\\Inbox"
        status = node("status", mailbox, {"messages": True, "uidNext": True, "uidValidity": True, "unseen": True})
        assert (status["messages"], status["uidNext"], status["unseen"]) == (5, 6, 5)
        assert node("mailboxOpen", mailbox)["exists"] == 5

        found = by_subject(node("fetch", "1:*", {
            "uid": True, "flags": True, "envelope": True, "bodyStructure": True, "size": True, "internalDate": True,
            "source": True, "headers": ["message-id"], "bodyParts": ["text"]}))
        assert set(found) == {f"flow-{n}" for n in range(1, 6)}
        one = found["flow-1"]
        assert one["bodyStructure"]["type"] == "text/plain" and one["size"] == len(one["source"])
        assert one["bodyParts"]["text"] == "Hello,\r\n\r\nthis is the text.\r\n"
        assert one["headers"].lower().startswith("message-id: <") and one["envelope"]["from"][0]["name"] == "Sender"
        assert node("search", {"subject": "flow-2"}, {"uid": True}) == [2]

        assert node("messageFlagsAdd", "1:2", ["\\Seen", "$Important"])
        assert node("messageFlagsRemove", "2", ["\\Seen"])
        assert node("messageFlagsSet", "3", ["\\Answered"])
        appended = node("append", mailbox, letter("flow-6").decode(), ["\\Draft"])
        assert (appended["uid"], appended["seq"]) == (6, 6)
        moved = node("messageMove", "4", other, {"uid": True})
        assert moved["uidMap"] == {"4": 1}
        copied = node("messageCopy", "1", other, {"uid": True})
        assert copied["uidMap"] == {"1": 2}
        assert node("messageDelete", "5", {"uid": True})
        whole = node("fetchOne", "6", {"source": True}, {"uid": True})["source"]
        assert "\r\nSubject: flow-6\r\n" in whole and whole.endswith("\r\n\r\nHello,\r\n\r\nthis is the text.\r\n")
        assert "mailbox" in node.refused("mailboxOpen", unique("nowhere"))
        assert node("mailboxRename", other, other + "2")["newPath"] == other + "2"
        node("logout")
    assert contents(house, mailbox) == {
        "flow-1": {"\\Seen", "$Important"}, "flow-2": {"$Important"}, "flow-3": {"\\Answered"}, "flow-6": {"\\Draft"}}
    assert set(contents(house, other + "2")) == {"flow-4", "flow-1"}


def test_imapflow_is_told_while_it_idles(house):
    mailbox = new_mailbox(house, "Idle", ["one", "two"])
    with flow(house) as node, imapwire.Wire(house).sign_in(house.alice) as wire:
        node("mailboxOpen", mailbox)
        node("idle")
        wire.ok(f'APPEND "{mailbox}"', letter("three"))
        assert node.await_event("exists")["count"] == 3
        wire.select(mailbox)
        wire.ok("STORE 1 +FLAGS (\\Flagged)")
        told = node.await_event("flags")
        assert told["seq"] == 1 and "\\Flagged" in told["flags"]
        wire.ok("STORE 2 +FLAGS (\\Deleted)")
        node.await_event("flags", lambda data: data["seq"] == 2)
        wire.ok("EXPUNGE")
        assert node.await_event("expunge")["seq"] == 2
        assert [m["uid"] for m in node("fetch", "1:*", {"uid": True})] == [1, 3]
        node("logout")


def test_imapflow_asks_for_what_changed_since(house):
    mailbox = new_mailbox(house, "Since", ["one", "two", "three"])
    with flow(house, qresync=True) as node:
        facts = node("facts")
        for capability in ("IDLE", "MOVE", "UIDPLUS", "SPECIAL-USE", "ESEARCH", "CONDSTORE", "QRESYNC"):
            assert capability in facts["capabilities"], facts["capabilities"]
        assert {"CONDSTORE", "QRESYNC"} & set(facts["enabled"])
        before = node("mailboxOpen", mailbox)
        assert before["highestModseq"] > 0
        node("mailboxClose")
        with imapwire.Wire(house).sign_in(house.alice) as wire:
            wire.select(mailbox)
            wire.ok("STORE 2 +FLAGS (\\Flagged)")
            wire.ok("STORE 3 +FLAGS (\\Deleted)")
            wire.ok("EXPUNGE")
        node("mailboxOpen", mailbox)
        changed = node("fetch", "1:*", {"uid": True, "flags": True},
                       {"uid": True, "changedSince": str(before["highestModseq"])})
        assert [(m["uid"], m["flags"]) for m in changed] == [(2, ["\\Flagged"])]
        assert changed[0]["modseq"] > before["highestModseq"]
        node("logout")


def test_imapflow_is_told_what_vanished(house):
    mailbox = new_mailbox(house, "Vanish", ["one", "two", "three"])
    with flow(house, qresync=True) as node, imapwire.Wire(house).sign_in(house.alice) as wire:
        node("mailboxOpen", mailbox)
        node("idle")
        wire.select(mailbox)
        wire.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        wire.ok("EXPUNGE")
        told = node.await_event("expunge")
        assert told["vanished"] and told["uid"] == 2
        node("logout")
