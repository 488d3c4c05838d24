# SPDX-License-Identifier: ISC
"""A DNS server of the tests' own on 127.0.0.1, over UDP and TCP, in threads:
it answers from a table as a resolver would, signs one zone, and misbehaves
where it is told to.

    with DnsServer({("example.test", "MX"): ["10 mx.example.test."]}, signed="signed.test") as dns: ..."""

import contextlib
import os
import select
import socket
import threading

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.NSEC
import dns.rrset
from cryptography.hazmat.primitives.asymmetric import ec

TTL = 60


class DnsServer:
    """records: {(name, type): [rdata as text]}, names without a last dot; what a name does not have is NODATA, other
    names are NXDOMAIN. manners: {name: "silent" | "servfail" | "truncated" | "forged" | "stripped"}; the last two are
    of names in the signed zone."""

    def __init__(self, records, manners=None, signed=None):
        self.records = {(self.name(n), t): rows for (n, t), rows in records.items()}
        self.manners = {self.name(n): m for n, m in (manners or {}).items()}
        self.signed = self.name(signed) if signed else None
        self.asked, self.lock, self.stopping = [], threading.Lock(), os.pipe()
        if signed:
            self.key = ec.generate_private_key(ec.SECP256R1())
            self.dnskey = dns.dnssec.make_dnskey(self.key.public_key(), dns.dnssec.ECDSAP256SHA256, 257)

    @staticmethod
    def name(text):
        return dns.name.from_text(text.lower())

    @property
    def anchor(self):
        """The line of a trust anchor."""
        return f"{self.signed} 3600 IN DNSKEY {self.dnskey.to_text()}\n"

    def count(self, name, kind):
        with self.lock:
            return self.asked.count((self.name(name), kind))

    # ---- answers ----

    def is_signed(self, name):
        return self.signed is not None and name.is_subdomain(self.signed)

    def add(self, section, name, rdataset, manner):
        section.append(dns.rrset.from_rdata_list(name, TTL, rdataset))
        if not self.is_signed(name) or manner == "stripped":
            return
        signature = dns.dnssec.sign((name, section[-1].to_rdataset()), self.key, self.signed, self.dnskey,
                                    lifetime=86400)
        if manner == "forged":
            signature = signature.replace(signature=bytes(64))
        section.append(dns.rrset.from_rdata_list(name, TTL, [signature]))

    def rdata(self, name, kind):
        if kind == "DNSKEY" and name == self.signed:
            return [self.dnskey]
        return [dns.rdata.from_text("IN", kind, row) for row in self.records.get((name, kind), ())]

    def deny(self, response, name, manner):
        """NODATA, also for names that are not there: minimal lies, as RFC 4470 has them."""
        zone = self.signed
        soa = dns.rdata.from_text("IN", "SOA", f"{zone} {zone} 1 60 60 60 60")
        self.add(response.authority, zone, [soa], None)
        there = sorted({dns.rdatatype.from_text(t) for n, t in self.records if n == name} | {46, 47})
        bits = bytearray(max(there) // 8 + 1)
        for t in there:
            bits[t // 8] |= 0x80 >> t % 8
        nsec = dns.rdtypes.ANY.NSEC.NSEC(dns.rdataclass.IN, dns.rdatatype.NSEC,
                                         dns.name.Name((b"\0",) + name.labels), ((0, bytes(bits)),))
        self.add(response.authority, name, [nsec], manner)

    def fill(self, response, name, kind):
        """The answer with its aliases, four at most."""
        for _ in range(4):
            manner = self.manners.get(name)
            rows, alias = self.rdata(name, kind), self.rdata(name, "CNAME")
            if rows or not alias:
                break
            self.add(response.answer, name, alias, manner)
            name = alias[0].target
        if rows:
            self.add(response.answer, name, rows, manner)
        elif self.is_signed(name):
            self.deny(response, name, manner)
        elif not any(n.is_subdomain(name) for n, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)

    def answer(self, wire, over_tcp):
        """The wire form of the answer, or None."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = dns.name.Name(tuple(label.lower() for label in question.name.labels)), \
            dns.rdatatype.to_text(question.rdtype)
        with self.lock:
            self.asked.append((name, kind))
        manner = self.manners.get(name)
        response = dns.message.make_response(query, recursion_available=True)
        if manner == "silent":
            return None
        if manner == "servfail":
            response.set_rcode(dns.rcode.SERVFAIL)
        elif manner == "truncated" and not over_tcp:
            response.flags |= dns.flags.TC
        else:
            self.fill(response, name, kind)
        return response.to_wire(max_size=65535)

    # ---- sockets ----

    def over_tcp(self, connection):
        with connection, contextlib.suppress(OSError):
            length = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
            wire = self.answer(connection.recv(length, socket.MSG_WAITALL), True) if length else None
            if wire is not None:
                connection.sendall(len(wire).to_bytes(2, "big") + wire)

    def serve(self):
        while True:
            ready = select.select([self.stopping[0], self.udp, self.tcp], [], [])[0]
            if self.stopping[0] in ready:
                return
            if self.udp in ready:
                wire, peer = self.udp.recvfrom(65535)
                said = self.answer(wire, False)
                if said is not None:
                    self.udp.sendto(said, peer)
            if self.tcp in ready:
                threading.Thread(target=self.over_tcp, args=(self.tcp.accept()[0],), daemon=True).start()

    def __enter__(self):
        while True:
            self.tcp = socket.create_server(("127.0.0.1", 0))
            self.port = self.tcp.getsockname()[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.udp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *why):
        os.write(self.stopping[1], b"x")
        self.thread.join()
        self.udp.close()
        self.tcp.close()
