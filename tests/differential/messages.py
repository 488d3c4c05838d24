# SPDX-License-Identifier: ISC
"""The messages that scripts append by name, and the corpus."""

import glob
import os
import re

SHARED = os.environ.get("MAILSTEAD_SHARED", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared"))
CORPUS = os.path.join(SHARED, "vectors", "mime")

NAMED = {
    "simple": """From: Ann <ann@example.org>
To: bob@example.org
Subject: simple
Date: Wed, 17 Jul 1996 02:23:25 -0700
Message-ID: <simple@example.org>

Hello Bob.
""",
    "second": """From: Carol <carol@example.org>
To: "Smith, John" <js@example.org>, ann@example.org
Cc: list@example.org
Subject: =?utf-8?Q?caf=C3=A9?= second
Date: Thu, 18 Jul 1996 10:00:00 +0200
X-Label: red green

Second body, with the word needle.
""",
    "multipart": """From: Dan <dan@example.org>
To: bob@example.org
Subject: multipart
Date: Fri, 19 Jul 1996 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"

preamble
--b1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

caf=C3=A9 au lait
--b1
Content-Type: application/octet-stream; name="x.bin"
Content-Disposition: attachment; filename="x.bin"
Content-Transfer-Encoding: base64

AAECAwQF/w==
--b1
Content-Type: message/rfc822

From: inner@example.org
Subject: inner
Content-Type: text/html

<p>inner</p>
--b1--
""",
    "latin": """From: Eve <eve@example.org>
Subject: =?iso-8859-1?Q?na=EFve?=
Date: Sat, 20 Jul 1996 10:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

na=EFve r=E9sum=E9
""",
    "empty": "",
    "bare": "Subject: no body\n",
}


def on_the_wire(octets):
    """With every line end as CRLF."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def named(name):
    return on_the_wire(NAMED[name].encode("utf-8")) if name in NAMED else None


NO_MESSAGES = (".json", ".md", ".jpg", ".png", ".pdf", "LICENSE")


def corpus():
    """[(path below the corpus, octets)], in order; nothing where no corpus lies beside the source."""
    found = []
    for path in sorted(glob.glob(os.path.join(CORPUS, "**", "*"), recursive=True)):
        if os.path.isfile(path) and not path.endswith(NO_MESSAGES):
            with open(path, "rb") as f:
                found.append((os.path.relpath(path, CORPUS), on_the_wire(f.read())))
    return [(name, octets) for name, octets in found if octets]
