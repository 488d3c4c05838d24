# SPDX-License-Identifier: ISC
"""The stress client: many clients on the mailboxes of one account, and a model
of what each must see. One process, one thread, one seed.

    wire.py      a connection and the responses on it
    truth.py     what the mailboxes hold, and what a round of commands may make of them
    view.py      what one client was told of its mailbox
    client.py    an IMAP client: connection, view, the commands under way
    commands.py  what it may ask, and what the answers must be
    names.py     the same for mailboxes by name
    mailers.py   POP3 clients, SMTP and LMTP senders
    run.py       the driver: who does what when, quiet points, kills

A *round* is one command of one client (then everything is known exactly), or
commands of several clients that are under way at once (then every order that
their answers allow is right). At a quiet point all clients ask for news, and
what each was told must be the truth."""
