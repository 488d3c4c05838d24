# SPDX-License-Identifier: ISC
"""The rows of rules.py for the corpus: mail as it is found, most of it beyond
what the RFCs describe. A row names the messages that it is about, or the fields."""

import re

BOTH = ("dovecot", "cyrus")
DOVECOT = ("dovecot",)
CYRUS = ("cyrus",)


def about(*messages):
    """Steps of these messages: beginnings of their paths below the corpus."""
    return "^corpus: (" + "|".join(re.escape(m) for m in messages) + ")[^:]*: FETCH"


STRUCTURE = r"^(BODY(STRUCTURE)?\.|BODY\[[0-9]|BINARY)"  # what depends on where the parts begin and end
HEADERS = STRUCTURE + r"|^(BODY\[(HEADER|TEXT)|RFC822\.HEADER|ENVELOPE\.(subject|to)$)"  # and on where the header ends
JAMES = ("james/mailWith", "james/oneAttachment", "james/oneHtmlAttachment")
MIKEL = "mikel-mail/error_emails/"
PARSER = "mail-parser/eml/"

# title, peers, what Mailstead does, what they do, which RFC and why, and patterns
FIELDS = [
    ("an address without a domain or a mailbox", BOTH, "an empty string", 'words: "MISSING_DOMAIN", "unspecified-domain"',
     "RFC 9051 7.5.2: NIL would begin or end a group; what is not there is not made up",
     {"path": "(?i)envelope", "theirs": "MISSING_DOMAIN|unspecified-domain"}),
    ("header fields with raw octets above 127", BOTH, "made encoded words, by a guess of the charset", "given as they are",
     "RFC 9051 5.1, 9: nothing but ASCII in a quoted string unless UTF-8 is enabled",
     {"path": "(?i)envelope", "ours": r"=\?utf-8\?", "theirs": "[\x80-\xff]"}),
    ("file names and other parameters in encoded words, in pieces, or in other charsets", BOTH,
     "one parameter, decoded: NAME, or NAME* in UTF-8", "as it stands in the message",
     "RFC 2231 4: decoded once, for all clients; encoded words are not allowed there (RFC 2047 5)",
     {"path": r"(NAME|TITLE|CHARSET|BOUNDARY|MICALG|PROTOCOL)\*?$", "step": "^corpus: .*FETCH parts"}),
    ("a line From_ in front of the header", BOTH, "left out of header field lists", "in HEADER.FIELDS.NOT",
     "RFC 5322 2.2: no field", {"path": r"HEADER\.FIELDS\.NOT", "theirs": r"^From [^\r]"}),
    ("Content-Language", CYRUS, "as it is", "in capitals", "RFC 5646 2.1.1: case has no meaning", {"path": r"\.language$"}),
    ("blanks at the end of a field", BOTH, "left out of the envelope", "kept", "RFC 5322 3.2.2: folding white space",
     {"path": r"^ENVELOPE\.(date|subject)$", "theirs": " $"}),
    ("a tab where a field was folded", DOVECOT, "kept", "made a space", "RFC 5322 2.2.3: unfolding takes the CRLF only",
     {"path": r"^ENVELOPE\.subject$", "ours": "\t"}),
    ("an empty Content-ID", BOTH, "NIL", "an empty string", "RFC 2045 7: an empty one names nothing",
     {"path": r"\.id$", "ours": "^NIL$", "theirs": "^$"}),
    ("a parameter with an empty value", CYRUS, "told", "left out", "RFC 2045 5.1: both allowed", {"path": r"parameters\.COMMENT$"}),
]

MESSAGES = [
    ("Content-Transfer-Encoding that no RFC has: 7bits, 8-bit, with comments or semicolons", BOTH, "what is meant",
     "the word as it is, or 7BIT", "RFC 2045 6.1: an unknown one makes the part unreadable; both allowed",
     {"path": r"\.encoding$|^BINARY", "step": about(PARSER + "thirdparty/004", MIKEL + "content_transfer_encoding")}),
    ("an address whose route and domain cannot be read", BOTH, "what stands there", "words, or a part of it",
     "RFC 5322 4.4: an obsolete route, which ends with a domain", {"path": r"^ENVELOPE\.to$", "step": about(MIKEL + "missing_body.eml")}),
    ("repeated Cc, repeated To", CYRUS, "one list of addresses", "the last of each",
     "RFC 5322 3.6: at most one of each; nobody is lost",
     {"path": r"^ENVELOPE\.(cc|to)$", "step": about("cpython/msg_20.txt", "cpython/msg_25.txt")}),
    ("repeated Subject, repeated Date", BOTH, "the first", "the last (Cyrus: of Subject)", "RFC 5322 3.6: at most one",
     {"path": r"^ENVELOPE\.(subject|date)$",
      "step": about("mikel-mail/mime_emails/raw_email_with_binary_encoded", PARSER + "malformed/019")}),
    ("a multipart without any delimiter line, or with a boundary that cannot be read", BOTH, "its body is one text part",
     "an empty part, or a multipart without parts", "RFC 2046 5.1: a multipart has a part at least; nothing is hidden",
     {"step": about("cpython/msg_17.txt", "cpython/msg_25.txt", "cpython/msg_31.txt", "cpython/msg_41.txt", "cpython/msg_42.txt",
                    PARSER + "malformed/002", PARSER + "malformed/004", MIKEL + "missing_body.eml"),
      "path": STRUCTURE + r"|^BODY\[TEXT|^status$"}),
    ("a delimiter line as the last line", BOTH, "no part behind it", "an empty part behind it",
     "RFC 2046 5.1.1: the closing delimiter is missing; both allowed",
     {"step": about("james/filenameAndName", "james/filenameOnly", PARSER + "malformed/013", PARSER + "malformed/014"),
      "path": STRUCTURE}),
    ("boundaries that are beginnings of each other, or the same in a part and around it", CYRUS,
     "whole lines are compared, the innermost part first", "the beginning of a line is compared, outer parts first",
     "RFC 2046 5.1.1, 5.1.2: boundaries may be prefixes of others, and the same one should not be used",
     {"step": about(*(f"{PARSER}malformed/0{n}" for n in ("05", "08", "11", "12")), PARSER + "thirdparty/015",
                    "cpython/msg_15.txt", "cpython/msg_38.txt", "cpython/msg_39.txt"),
      "path": STRUCTURE + "|^status$"}),
    ("delimiter lines that are cut, or are beginnings of others", DOVECOT, "whole lines are compared",
     "the beginning of a line is compared", "RFC 2046 5.1.1",
     {"step": about(PARSER + "malformed/019", "cpython/msg_38.txt", "mikel-mail/mime_emails/raw_email4.eml"), "path": STRUCTURE}),
    ("a boundary with = that is not quoted", DOVECOT, "read up to the blank or semicolon", "read up to the =",
     "RFC 2045 5.1: it must be quoted; what is meant is plain", {"step": about("mikel-mail/mime_emails/raw_email_with_binary_encoded",
                                                                           "mikel-mail/plain_emails/raw_email_bad_time"), "path": STRUCTURE}),
    ("a boundary in the form of RFC 2231", DOVECOT, "is the boundary", "is none", "RFC 2231 4", {"step": about("cpython/msg_33.txt"), "path": STRUCTURE}),
    ("BINARY of a message with a part that cannot be decoded whole: base64 or quoted-printable that is damaged", DOVECOT,
     "decodes what there is", "NO [PARSE] or [UNKNOWN-CTE], for all parts of the message; sizes that are not what it gives",
     "RFC 3516 4.3: refused is what the server cannot decode; all text that can be read is given",
     {"step": "FETCH BINARY", "path": r"^(BINARY.*|UID|code\.(PARSE|UNKNOWN-CTE)|status)$", "theirs": "^(absent|NO|[0-9]*)$"}),
    ("BINARY of encodings that no RFC has", CYRUS, "what is meant; else NO [UNKNOWN-CTE]", "NO, without a code",
     "RFC 3516 4.3", {"step": about(PARSER + "thirdparty/004", MIKEL + "content_transfer_encoding"), "path": r"^(code\.UNKNOWN-CTE|status)$"}),
    ("a message that begins with a line that is no field", DOVECOT, "all is body from that line on", "passes over it, up to a blank line",
     "RFC 5322 2.1: a body is what follows the fields; nothing is hidden",
     {"step": about("cpython/msg_19.txt", "mail-parser/LICENSE-MIT", PARSER + "legacy/COPYING", "mail-parser/maildir",
                    "james/\u062f\u064a\u0646\u0627\u0635\u0648\u0631.odt"), "path": HEADERS}),
    ("a field name with a blank in it (Mail content:) in the first line", DOVECOT, "no field: all is body", "a field",
     "RFC 5322 2.2: a name has no blank", {"step": about(*JAMES), "path": HEADERS}),
    ("lines within the header that are no fields", DOVECOT, "left out of header field lists", "in HEADER.FIELDS.NOT",
     "RFC 5322 2.2: no fields", {"path": r"HEADER\.FIELDS\.NOT", "step": about("cpython/msg_35.txt", MIKEL + "multiple_references")}),
    ("a part whose header ends with the line before a delimiter", BOTH, "the line end before the delimiter is the blank line as well",
     "it is none (Dovecot), or the part has a line more", "RFC 2046 5.1.1; RFC 9051 6.4.5.1: such a part has no body; both allowed",
     {"step": about("cpython/msg_12.txt", "cpython/msg_47.txt", PARSER + "thirdparty/011", PARSER + "thirdparty/007",
                    PARSER + "malformed/022", PARSER + "thirdparty/015"), "path": r"MIME|HEADER|lines|octets|^B(ODY|INARY).*\["}),
    ("Content-Type without a type", DOVECOT, "text/plain", "empty strings", "RFC 2045 5.2", {"step": about("cpython/msg_14.txt"), "path": STRUCTURE}),
    ("several Content-Dispositions that are no words", BOTH, "attachment", "an empty string, or NIL",
     "RFC 2183 2.8: an unknown one is an attachment", {"path": r"\.disposition$", "step": about(MIKEL + "multiple_invalid_content_dispositions")}),
]

SEARCHES = [
    ("SEARCH BODY for what stands in the header of a message inside the message", DOVECOT, "found", "not found",
     "RFC 9051 6.4.4: it is in the body of the message", {"step": "SEARCH BODY", "path": "^found", "ours": "yes"}),
    ("SEARCH BODY for what stands in the header of a part", CYRUS, "not found", "found",
     "RFC 9051 6.4.4: BODY does not match header fields; flexible searching is allowed", {"step": "SEARCH BODY", "path": "^found", "ours": "absent"}),
    ("SEARCH in HTML, in parts that are files, and over ends of lines", CYRUS, "found", "not found: marks, blanks and files are left out",
     "RFC 9051 6.4.4: the octets, decoded; flexible searching is allowed", {"step": 'SEARCH (BODY|TEXT) "', "path": "^found", "ours": "yes"}),
    ("SEARCH TEXT in multiparts that were read in another way (see above)", DOVECOT, "found", "not found", "RFC 9051 6.4.4",
     {"step": 'SEARCH TEXT "', "path": "^found (cpython/msg_(17|25)|" + MIKEL + "content_transfer_encoding_with_8bits)", "ours": "yes"}),
    ("SENTBEFORE and SENTSINCE with the years 1969 and 3609 of a Date", BOTH, "compared as they stand", "compared as other dates",
     "RFC 5322 3.3: any year from 1900 on", {"step": "SEARCH SENT(BEFORE|SINCE)",
                                            "path": "^found mikel-mail/(plain_emails/raw_email_bad_time|rfc2822/example(04|10))[.]eml$"}),
    ("SEARCH SUBJECT and a second Subject field", BOTH, "the envelope's, which is the first", "all (Dovecot), or the last (Cyrus)",
     "RFC 9051 6.4.4: the envelope's subject; HEADER Subject looks at all",
     {"step": "SEARCH .*SUBJECT|HEADER Subject", "path": "^found mikel-mail/mime_emails/raw_email_with_binary_encoded"}),
    ("SEARCH FROM and addresses that cannot be read", DOVECOT, "the envelope's addresses", "the field as it is",
     "RFC 9051 6.4.4: the envelope's", {"step": 'SEARCH (SUBJECT a NOT FROM b|CC "")$', "path": "^found (cpython/msg_43|james/james-3901)"}),
    ("SEARCH KEYWORD of a keyword that nobody has", DOVECOT, "finds nothing", "finds nothing and says FLAGS with it", "RFC 9051 7.3.5",
     {"step": "SEARCH KEYWORD x$", "path": r"FLAGS$"}),
]


def rules(rule):
    return [rule(*row[:5], **row[5]) for row in FIELDS + MESSAGES + SEARCHES]
