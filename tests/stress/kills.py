# SPDX-License-Identifier: ISC
"""A role dies by SIGKILL while commands are under way. What was acknowledged
is there afterwards; of what was not answered the model keeps both outcomes
until a fresh client shows which it was."""

from stress.names import BARRIER
from stress.wire import Difference

TRIES = 1000


def kill(run, role):
    """Commands of several clients and perhaps a message are sent, and the role is killed at some moment of them."""
    run.dice.shuffle(run.clients)
    if role == "store":
        for client in run.pop3s:
            client.drop()  # who has the maildrop is known to the store alone
    round_ = run.round(alone=False)
    plans, sent = run.plan(round_)
    for _, made in plans:
        run.register(round_, made)
    for client, made in plans:
        client.send(made)
    heard = run.dice.randrange(len(plans) + 1)
    for client, _ in plans[:heard]:
        client.read_all()
    run.house.end_role(role)
    for client, _ in plans[heard:]:
        client.read_all()
    for sender in sent:
        sender.end()
    if role == "access":
        for x in run.clients + run.pop3s + [run.witness]:
            x.lost()
        run.witness.connect()
    run.did[f"{role} killed"] += 1
    settle(run)
    run.finish(round_, sure=False)
    for box in run.boxes if role == "store" else ():
        box.forgotten = box.uidnext  # RFC 3501 2.3.2: where it is not known, it is \\Recent


def settle(run):
    """What the dead had handed on is done: the account's operations are done one after the other, and a message that
    the witness appends takes the same way as those before it. Twice the same is the end."""
    last = None
    for _ in range(TRIES):
        try:
            run.witness.ask("APPEND %s {16+}\r\nSubject: x\r\n\r\nyz" % BARRIER)
            now = [run.snapshot(box) for box in run.boxes]
        except Difference as why:
            if "UNAVAILABLE" not in str(why):
                raise
            continue
        if now == last:
            return
        last = now
    raise Difference("the store does not come back")
