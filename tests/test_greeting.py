# SPDX-License-Identifier: ISC
"""The pause before the greeting, for strangers from another machine: two
network namespaces with a cable between them, which end with the processes that
hold them. Loopback clients do not wait, so the other tests never see it."""

import contextlib
import ctypes
import os
import socket
import subprocess
import threading

import pytest

from mailstead import Site, free_port_base

CLONE_NEWNET = 0x40000000
SERVER, SERVER6 = "192.0.2.1", "2001:db8::1"
CLIENTS = ["192.0.2.%d" % i for i in range(2, 9)]
CLIENTS6 = ["2001:db8::2", "2001:db8::3", "2001:db8:0:1::2"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@contextlib.contextmanager
def namespace():
    """The process that holds a network of its own."""
    holder = subprocess.Popen(["unshare", "--net", "--kill-child", "sh", "-c", "echo up; exec cat"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if holder.stdout.readline() != b"up\n":
            pytest.skip("no network namespaces here")
        yield holder.pid
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def ip(pid, *arguments):
    subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def net():
    with namespace() as server, namespace() as client:
        subprocess.run(["nsenter", "-t", str(server), "-n", "ip", "link", "add", "wire", "type", "veth", "peer", "name",
                        "wire", "netns", str(client)], check=True, capture_output=True)
        ip(server, "address", "add", f"{SERVER}/24", "dev", "wire")
        ip(server, "address", "add", f"{SERVER6}/32", "dev", "wire", "nodad")
        for address in CLIENTS:
            ip(client, "address", "add", f"{address}/24", "dev", "wire")
        for address in CLIENTS6:
            ip(client, "address", "add", f"{address}/32", "dev", "wire", "nodad")
        for pid in (server, client):
            ip(pid, "link", "set", "lo", "up")
            ip(pid, "link", "set", "wire", "up")
        yield server, client


@pytest.fixture(scope="module")
def site(net):
    port = free_port_base() + 25
    with Site(f'listen smtp {{ address = ["{SERVER}", "{SERVER6}"], port = {port} }}',
              before=["nsenter", "-t", str(net[0]), "-n"]) as running:
        running.smtp, running.client = port, net[1]
        running.run("domain", "add", "site.test")
        running.run("account", "add", "eve@site.test", "--password-stdin", stdin="secret\n")
        yield running


def connect(site, address, server=SERVER):
    """From that address of the other machine. A thread enters its network; the socket stays there."""
    made = []

    def inside():
        with open(f"/proc/{site.client}/ns/net", "rb") as f:
            if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) == 0:
                made.append(socket.create_connection((server, site.smtp), 60, (address, 0)))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert made, "no connection"
    return made[0].makefile("rwb", buffering=0)


def say(stream, line):
    stream.write(line + b"\r\n")
    return stream.readline()


def test_who_talks_first_is_refused(site):
    """At once, long before the pause is over."""
    site.run("set", "smtp.greet_delay", "60 s")
    with connect(site, CLIENTS[0]) as early:
        assert say(early, b"EHLO early.test").startswith(b"554 5.5.1 ")
        assert early.readline() == b""
    site.await_log(r"event=smtp\.talked-first peer=192\.0\.2\.2 said=.*EHLO early\.test")
    with connect(site, CLIENTS6[0], SERVER6) as early:
        assert say(early, b"EHLO early.test").startswith(b"554 5.5.1 ")
    assert 'mailstead_smtp_pregreet_total{role="mx",instance="0"} 2' in site.run("metrics")


def test_who_waits_is_greeted_and_remembered(site):
    site.run("set", "smtp.greet_delay", "1 s")
    with connect(site, CLIENTS[1]) as patient:
        assert patient.readline().startswith(b"220 ")
        assert say(patient, b"HELO patient.test").startswith(b"250")
        assert say(patient, b"MAIL FROM:<a@example.org>").startswith(b"250")
        assert say(patient, b"RCPT TO:<eve@site.test>").startswith(b"250")
        assert say(patient, b"DATA").startswith(b"354")
        assert say(patient, b"Subject: patient\r\n\r\nx\r\n.").startswith(b"250")
    # Its next connection gets the greeting at once: this pause is longer than the socket would wait.
    site.run("set", "smtp.greet_delay", "60 s")
    with connect(site, CLIENTS[1]) as known:
        assert known.readline().startswith(b"220 ")
    # Others do not profit from it.
    with connect(site, CLIENTS[2]) as other:
        assert say(other, b"EHLO other.test").startswith(b"554 ")


def test_a_network_of_ipv6_is_remembered_as_one(site):
    """RFC 4291 2.5.1: the last 64 bits are for an interface to choose."""
    site.run("set", "smtp.greet_delay", "1 s")
    with connect(site, CLIENTS6[0], SERVER6) as patient:
        assert patient.readline().startswith(b"220 ")
    site.run("set", "smtp.greet_delay", "60 s")
    with connect(site, CLIENTS6[1], SERVER6) as neighbour:
        assert neighbour.readline().startswith(b"220 ")
    with connect(site, CLIENTS6[2], SERVER6) as other:
        assert say(other, b"EHLO other.test").startswith(b"554 ")


def test_no_pause_if_it_is_off(site):
    site.run("set", "smtp.greet_delay", "0")
    with connect(site, CLIENTS[3]) as unknown:
        assert unknown.readline().startswith(b"220 ")


def test_a_client_that_leaves_meanwhile_is_forgotten(site):
    """It neither counts as one that waited, nor stays."""
    site.run("set", "smtp.greet_delay", "60 s")
    connect(site, CLIENTS[4]).close()
    with connect(site, CLIENTS[4]) as again:
        assert say(again, b"EHLO again.test").startswith(b"554 ")
