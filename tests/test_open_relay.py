# SPDX-License-Identifier: ISC
"""A site that its operator opened to strangers by a rule: its self-test at the
start finds that out, and `mailstead doctor` says so."""

from mailstead import Mailstead


def test_a_rule_that_lets_everybody_in():
    """The self-test comes from 192.0.2.1 (RFC 5737)."""
    with Mailstead() as house:
        assert "OPEN RELAY" not in house.run("doctor", check=False)
        house.await_log(r"event=smtp\.stranger_refused listener=submission ")
        house.run("set", "submission.relay_networks", "192.0.0.0/8 193.0.0.0/8 10.0.0.0/8")
        house.restart()
        house.await_log(r"level=alarm .*event=smtp\.open_relay listener=submission")
        said = house.run("doctor", check=False)
        assert "is an OPEN RELAY: strangers can send mail to the world through it" in said, said
        house.run("set", "submission.relay_networks", "")
        house.restart()
        assert "OPEN RELAY" not in house.run("doctor", check=False)
