# SPDX-License-Identifier: ISC
"""What explains a difference between Mailstead and a peer. One row a cause;
tools/differences makes docs/differences.md of it. A difference is explained
when its step, its path and both values match the row's patterns; a row that
explains nothing any more fails the test."""

import dataclasses

from differential import rules_mime

BOTH = ("dovecot", "cyrus")
DOVECOT = ("dovecot",)
CYRUS = ("cyrus",)
ABSENT = r"^absent$"


@dataclasses.dataclass
class Rule:
    title: str  # the case, in words
    peers: tuple
    we: str  # what Mailstead says
    they: str  # what the peers say
    why: str  # the RFC's sections, and who is right
    step: str = ""
    path: str = ""
    ours: str = ""
    theirs: str = ""


SELECTING = [
    Rule("a mailbox that does not exist", BOTH, "NO [NONEXISTENT]", "NO without a code, or with another",
         "RFC 5530 3: the code is for exactly this, and optional", path=r"^code\.NONEXISTENT$", theirs=ABSENT),
    Rule("a mailbox that exists already", CYRUS, "NO [ALREADYEXISTS]", "NO without a code", "RFC 5530 3: the code is optional",
         path=r"^code\.ALREADYEXISTS$", theirs=ABSENT),
    Rule("STORE, EXPUNGE and MOVE after EXAMINE", DOVECOT, "NO [READ-ONLY]",
         "OK, and MOVE takes messages out of the mailbox", "RFC 9051 6.3.3: no changes to the permanent state are permitted",
         step=r"^(select: A: (STORE|EXPUNGE)|copymove: A: MOVE 1 to$)", path=r"^(status|EXPUNGE|OK\.COPYUID)$"),
    Rule("the code of a refusal after EXAMINE", BOTH, "NO [READ-ONLY]", "no code", "RFC 5530 3: optional",
         path=r"^code\.READ-ONLY$", theirs=ABSENT),
    Rule("SELECT with more behind the name", DOVECOT, "BAD", "selects the first name", "RFC 9051 9: select has one mailbox",
         step=r'^select: A: SELECT "box" "more"$'),
    Rule("SELECT without a name, or with parameters that are none", DOVECOT, "BAD, the mailbox stays selected", "BAD, and it is closed", "RFC 9051 7.1.3: both allowed",
         step=r"^(select: A: SELECT|condstore: A: SELECT box \(NOSUCH\)|qresync: C: SELECT box \(QRESYNC \(\$uidvalidity\)\))$", path=r"^OK\.CLOSED$"),
    Rule("SELECT of a mailbox that uses none of the account's keywords", BOTH, "FLAGS lists the account's keywords",
         "FLAGS lists the mailbox's", "RFC 9051 7.3.5: flags that are applicable in the mailbox; both allowed",
         step=r"SELECT (to|inbox|INBOX)$", path=r"^(FLAGS|OK\.PERMANENTFLAGS)$", ours=r"\$Label"),
    Rule("a keyword that is new to a mailbox that is open", BOTH, "FLAGS was known at SELECT, or is said again",
         "say FLAGS and PERMANENTFLAGS, even for one that a SEARCH names", "RFC 9051 7.3.5: both allowed",
         step=r"^(flags|copymove): ", path=r"^(FLAGS|OK\.PERMANENTFLAGS)$", ours=ABSENT),
    Rule("RECENT behind removals and arrivals", CYRUS, "says RECENT when EXISTS or the number changes",
         "says it at other moments, 0 included", "RFC 3501 7.3.2: an update, whose moment is the server's; RFC 9051 has it no more",
         path=r"^RECENT$"),
    Rule("RECENT when messages came in while the mailbox was open", DOVECOT, "RECENT counts what no session was told of",
         "counts some of them again", "RFC 3501 2.3.2: recent in the first session that is notified",
         step=r"^copymove: A: (EXAMINE from|COPY 1:2 to more)$", path=r"^RECENT$"),
    Rule("what came while a refused command ran", CYRUS, "EXISTS", "nothing yet", "RFC 9051 7: updates may come with any command",
         step=r"^copymove: A: COPY 1:2 to more$", path=r"^EXISTS$"),
    Rule("messages that a session finished with \\Recent", CYRUS, "NEW, OLD and RECENT as FETCH FLAGS shows them",
         "they are found as old although FETCH shows \\Recent", "RFC 3501 6.4.4: the keys follow the flag",
         step=r"^search: A: SEARCH (NEW|OLD|RECENT)$"),
]

STORING = [
    Rule("STORE that changes nothing", BOTH, "tells the flags by FETCH", "no FETCH",
         "RFC 9051 6.4.6: unless .SILENT, the new value is returned", step=r"^flags: A: (UID )?STORE", path=r"^FETCH\.", theirs=ABSENT),
    Rule("STORE .SILENT", CYRUS, "no FETCH", "FETCH nevertheless", "RFC 9051 6.4.6: the server SHOULD NOT send it",
         step=r"STORE .*\.SILENT", path=r"^FETCH\.", ours=ABSENT),
    Rule("message numbers that do not exist", CYRUS, "BAD", "OK or NO, and acts on those that exist",
         "RFC 9051 9 (seq-number): error; the answer is BAD to what the client cannot mean", path=r"^(status|FETCH\.[0-9]\.FLAGS)$", ours="^(BAD|absent)$",
         step=r"^(condstore|copymove|fetch|flags): A: (STORE|FETCH|COPY|MOVE) [0-9:,]*[90] |^expunge: A: (STORE|FETCH|COPY) 1:\* "),
    Rule("message number 0, and 4294967296", CYRUS, "BAD", "NO, or nothing found", "RFC 9051 9: nz-number, 32 bits",
         step=r"^(fetch|search): A: (FETCH (0|429496729[56])|SEARCH 0$)"),
    Rule("\\Recent from a client", BOTH, "passed over", "BAD", "RFC 3501 2.3.2, 9: a client cannot alter it; copying clients send it",
         step=r"\(\\Recent\)", path=r"^(status|code\.APPENDUID|FETCH\..*)$"),
    Rule("STORE FLAGS without flags", DOVECOT, "BAD", "clears the flags", "RFC 9051 9 (store-att-flags)",
         step=r"^flags: A: STORE 1 FLAGS$"),
    Rule("a keyword with a ]", BOTH, "BAD", "NO (Dovecot), or OK and FLAGS that cannot be read (Cyrus)",
         "RFC 9051 9: a keyword is an atom, which has no ]", step=r"^flags: A: STORE 1 \+FLAGS \(a\]b\)$"),
    Rule("FETCH of messages that another session removed", BOTH, "OK [EXPUNGEISSUED] and what is left",
         "tell their flags and UIDs", "RFC 5530 3; RFC 9051 7.5.1: both allowed until EXPUNGE is said",
         step=r"^expunge: B: FETCH 1:5 UID$"),
    Rule("SEARCH where another session removed messages", CYRUS, "finds them until EXPUNGE is said",
         "leaves them out", "RFC 9051 5.5: both allowed", step=r"^expunge: B: SEARCH ALL$"),
    Rule("EXPUNGE within UID FETCH", BOTH, "says EXPUNGE before it fetches", "first fetch, by the numbers before",
         "RFC 9051 7.5.1: EXPUNGE may come with UID FETCH; FETCH numbers messages as of then", step=r"^expunge: B: UID FETCH 1:\* UID$",
         path=r"^FETCH\.[0-9]\."),
    Rule("STATUS of the selected mailbox", DOVECOT, "answers", "answers with [CLIENTBUG]", "RFC 5530 3: optional",
         path=r"^code\.CLIENTBUG$", ours=ABSENT),
]

CONDSTORE = [
    Rule("FETCH of changes in a session with CONDSTORE", BOTH, "tells the UID as well", "the number alone",
         "RFC 7162 3.2.4: a MUST with QRESYNC; allowed always", step="^condstore: ", path=r"^FETCH\.[0-9]\.UID$", theirs=ABSENT),
    Rule("STORE UNCHANGEDSINCE of a message that has changed", BOTH, "MODIFIED, and what its flags and mod-sequence are", "MODIFIED alone",
         "RFC 7162 3.1.3: both allowed; the client would ask for them", step="^condstore: A: (UID )?STORE .*UNCHANGEDSINCE",
         path=r"^FETCH\.[0-9]\.(FLAGS|MODSEQ)$", theirs=ABSENT),
    Rule("ENABLE QRESYNC", CYRUS, "ENABLED QRESYNC", "ENABLED CONDSTORE QRESYNC", "RFC 7162 3.2.3: implied; both allowed",
         path="^ENABLED$", step="ENABLE QRESYNC$"),
]

FETCHING = [
    Rule("a part that is not there", DOVECOT, "NIL", "an empty string; for .1 of a text part its text",
         "RFC 9051 6.4.5.1, 9: nstring; NIL says that there is none", path=r"(BODY|BINARY)\[(4|9|99|1\.99|99\.MIME|1\.1|1\.HEADER|1\.TEXT)\]", ours=r"^NIL$",
         step=r"^(fetch|binary|corpus): "),
    Rule("a text part without Content-Type, or without a charset", BOTH, "no CHARSET is told", "CHARSET us-ascii is added",
         "RFC 2045 5.2: a default that the client applies; what a message does not say is not told", path=r"\.parameters\.CHARSET$",
         ours=ABSENT, theirs=r"^us-ascii$"),
    Rule("partial FETCH of no octets, or without a length", DOVECOT, "BAD", "an empty string, or the rest",
         "RFC 9051 9 (partial): two numbers, the second not 0", step=r"^fetch: A: FETCH 2 BODY\.PEEK\[\]<(0\.0|5)>$"),
    Rule("sections and sets that the grammar has not", BOTH, "BAD", "take them",
         "RFC 9051 9 (section-part, sequence-set)", step=r"^fetch: A: FETCH (2 BODY\.PEEK\[(0|1\.)\]|1, UID)"),
    Rule("BINARY of a multipart", DOVECOT, "its octets", "the parts inside decoded as well",
         "RFC 3516 4.2: the section's own encoding is undone; both allowed", step=r"^binary: A: FETCH 1 \(BINARY\.(PEEK|SIZE)\[\]\)$"),
    Rule("BINARY of HEADER, and a partial BINARY.SIZE", DOVECOT, "BAD", "take them", "RFC 3516 7: section-binary has part numbers only",
         step=r"^binary: A: FETCH 1 BINARY\.(PEEK\[HEADER\]|SIZE\[1\]<0\.1>)$"),
    Rule("BINARY of what cannot be decoded", DOVECOT, "NO [UNKNOWN-CTE]", "ends the session", "RFC 3516 4.3",
         step=r"^corpus: cpython/msg_39\.txt: FETCH BINARY",
         path=r"^(ended|status|BINARY.*)$"),
]

SEARCHING = [
    Rule("a set that ends behind the last message", DOVECOT, "9:* of 5 messages is the last message", "nothing",
         "RFC 9051 9 (seq-range): 9:* and *:9 are the same", step=r"^search: A: SEARCH 9:\*$"),
    Rule("SENT... and messages without a Date", BOTH, "not found", "found, as sent at another time",
         "RFC 9051 6.4.4: the Date field is compared; there is none", step=r"SEARCH SENT(BEFORE|SINCE)",
         ours=r"^(absent|[0-9,]+)$", theirs=r"^(yes|[0-9,]+,5)$"),
    Rule("words with diacritics in a body", CYRUS, "found", "not found without its own index", "RFC 9051 6.4.4",
         step=r"^search: A: SEARCH CHARSET UTF-8 BODY"),
    Rule("a charset that the server does not know", BOTH, "NO [BADCHARSET] with those it knows", "no list, or BAD",
         "RFC 9051 6.4.4, 7.1: the list is optional", step=r"^search: A: SEARCH CHARSET X-NOSUCH"),
    Rule("dates and keywords that the grammar has not", BOTH, "BAD", "take them", "RFC 9051 9 (date, flag-keyword)",
         step=r"^search: A: SEARCH (BEFORE 32-Jul-1996|BEFORE 18-Jul-96|KEYWORD \\Seen)$"),
    Rule("LARGER 4294967296", CYRUS, "finds nothing", "ends the session", "RFC 9051 9: number64",
         step=r"^search: A: SEARCH LARGER 4294967296$"),
    Rule("media types and file names by BODY", CYRUS, "not found", "found",
         "RFC 9051 6.4.4: BODY does not match header fields; flexible searching is allowed", step=r"^search: A: SEARCH BODY octet-stream$"),
]

APPENDING = [
    Rule("APPEND with a date that the grammar has not", BOTH, "BAD", "OK; a wrong date is kept as another",
         "RFC 9051 9 (date-time): two places for the day, and real dates", step=r'^append: A: APPEND odd "'),
    Rule("APPEND of no octets", BOTH, "NO [CANNOT]", "NO without a code", "RFC 5530 3: optional",
         step=r"^append: A: APPEND odd <<empty>>$", path=r"^code\.CANNOT$"),
    Rule("APPEND that ends within its options, behind a message", DOVECOT, "one BAD", "a second BAD, for what follows", "RFC 9051 2.2.1: one answer a command",
         step=r"^multiappend: A: STATUS box ", path=r"^untagged\.BAD$"),
    Rule("what is no mail: header lines without a name, NUL octets", CYRUS, "taken as it is", "NO",
         "RFC 9051 6.3.12: a server may refuse; mail that came by other ways is there as well", step=r"^corpus: APPEND ",
         path=r"^(status|code\.APPENDUID)$", theirs=r"^(NO|absent)$"),
    Rule("CREATE, APPEND and SELECT with CONDSTORE's codes", BOTH, "HIGHESTMODSEQ to those who asked for mod-sequences",
         "HIGHESTMODSEQ always, or to others", "RFC 7162 3.1.2.1: both allowed", path=r"^(OK|code)\.HIGHESTMODSEQ$"),
    Rule("COPY and MOVE with more behind the mailbox", DOVECOT, "BAD", "copies", "RFC 9051 9 (copy)",
         step=r"^copymove: A: COPY 1:2 to more$", path=r"^(status|code\.COPYUID)$"),
    Rule("UIDs after that", DOVECOT, "", "two more", "it follows from the row above", step=r"^copymove: A: COPY 1 to$", path=r"^code\.COPYUID$"),
]

MAILBOXES = [
    Rule("CREATE of a name with a separator", DOVECOT, "creates those above it, as mailboxes", "as \\Noselect",
         "RFC 9051 6.3.4: SHOULD create superior names", path=r"^LIST\.[a-z/]+$", theirs=r"\\NOSELECT"),
    Rule("CREATE of INBOX", DOVECOT, "NO [ALREADYEXISTS]", "OK where nothing was delivered yet",
         "RFC 9051 6.3.4: it is an error to create INBOX", step=r"CREATE INBOX$"),
    Rule("LIST with inbox in small letters", CYRUS, "lists INBOX", "nothing", "RFC 9051 5.1: INBOX has no case",
         step=r'^mailboxes: A: LIST "" inbox$'),
    Rule("names that are refused, the code", BOTH, "NO [CANNOT]", "NO without a code", "RFC 5530 3: optional",
         path=r"^code\.CANNOT$", ours=r"^$", theirs=ABSENT),
    Rule("empty levels in a name", CYRUS, "NO", "takes them away", "RFC 9051 5.1: the server's choice", step=r"^mailboxes-odd: A: CREATE (x//y|/lead)$"),
    Rule("* and % in a name", BOTH, "BAD in an atom", "OK, or NO", "RFC 9051 9: list-wildcards are no ATOM-CHAR",
         step=r"^mailboxes-odd: A: CREATE a[*%]b$"),
    Rule("SUBSCRIBE of what does not exist", BOTH, "OK", "NO", "RFC 9051 6.3.7: a server may validate",
         step=r"^mailboxes-odd: A: SUBSCRIBE nosuch$"),
    Rule("RENAME of INBOX", BOTH, "moves the messages, INBOX stays with its UIDs counted on",
         "INBOX begins anew (Dovecot); ends the session (Cyrus)", "RFC 9051 6.3.6: messages move, INBOX is left empty",
         step=r"^mailboxes-odd: A: (RENAME INBOX old|STATUS (INBOX|old) )"),
    Rule("RENAME of a mailbox to below itself", CYRUS, "NO", "OK", "RFC 9051 6.3.6: names are the server's; a loop is none",
         step=r"^mailboxes-odd: A: RENAME z z/inside$"),
    Rule("LSUB % where only something below is subscribed", CYRUS, "\\Noselect", "with \\HasChildren", "RFC 3501 6.3.9: \\Noselect is what matters",
         path=r"^LSUB\.", ours=r"^\\NOSELECT$", theirs=r"^\\HASCHILDREN \\NOSELECT$"),
    Rule("subscriptions when a mailbox is renamed", CYRUS, "stay with the old name", "are lost", "RFC 9051 6.3.6",
         path=r"^LSUB\.a/b/c"),
    Rule("LSUB of a name that is no mailbox", DOVECOT, "\\Noselect", "without it", "RFC 3501 6.3.9, RFC 3501 7.2.2: it cannot be selected",
         path=r"^LSUB\.a/b/c", ours=r"^\\NOSELECT$", theirs=r"^$"),
    Rule("DELETE of a mailbox with children", BOTH, "OK, it stays as \\Noselect", "NO",
         "RFC 9051 6.3.5: with inferior names: allowed unless it is \\Noselect", step=r"^mailboxes: A: DELETE z$"),
    Rule("LIST after that", CYRUS, "\\Noselect", "a mailbox", "RFC 9051 6.3.5", path=r"^LIST\.z$", ours=r"NOSELECT"),
    Rule("names above a mailbox that was renamed away", DOVECOT, "stay", "go", "RFC 9051 6.3.6: both allowed",
         path=r"^LIST\.deep", theirs=ABSENT),
    Rule("STATUS of inbox in small letters", BOTH, "named INBOX in the answer", "named as asked", "RFC 9051 5.1",
         path=r"^STATUS\.(INBOX|inbox)\.", step=r"STATUS inbox "),
    Rule("CREATE with two names", BOTH, "BAD", "OK (Dovecot), NO (Cyrus)", "RFC 9051 9 (create)", step=r"^mailboxes: A: CREATE one two$"),
    Rule("LIST with options, or several patterns", DOVECOT, "\\HasChildren and \\HasNoChildren always", "only where RETURN (CHILDREN) asks",
         "RFC 5258 4, RFC 9051 7.3.1: the attributes may always be told", step="^listextended: ", path=r"^LIST\.[^.]*$", ours=r"\\HAS(NO)?CHILDREN",
         theirs=r"^(\\SUBSCRIBED|\\NONEXISTENT \\SUBSCRIBED|)$"),
    Rule("STATUS of a mailbox that CREATE made on the way", DOVECOT, "a mailbox, with STATUS", "\\Noselect, without",
         "RFC 9051 6.3.4", step="^listextended: ", path=r"^STATUS\.a\."),
    Rule("RECURSIVEMATCH and the level above a match", CYRUS, "as it is", "\\NonExistent", "RFC 5258 3.5", step="^listextended: ", path=r"^LIST\.a$"),
    Rule("LIST with options that are refused", CYRUS, "BAD", "an untagged BAD as well", "RFC 9051 7.1.3: both allowed",
         step="^listextended: ", path=r"^untagged\.BAD$"),
    Rule("a mailbox is renamed while sessions have it selected", BOTH, "they go on with it", "Dovecot ends them, Cyrus tells them that its messages are gone",
         "RFC 9051 6.3.6 is silent; RFC 2180 3.4 would have them go on", step=r"^clients: (B: RENAME two three|C: NOOP|C: FETCH 1:\* UID|B: APPEND three <<simple>>)$",
         path=r"^(EXPUNGE|EXISTS|RECENT|ended|status|FETCH\.1\.UID|code\.APPENDUID)$"),
    Rule("NAMESPACE", CYRUS, "the user's own", "those of others as well", "RFC 2342 5: whatever there is", path=r"^NAMESPACE$"),
    Rule("modified UTF-7 where printable characters follow in base64's place", CYRUS, "taken", "NO",
         "RFC 3501 5.1.3: the shift ends with -, what follows stands for itself", step=r'^names: A: (CREATE "&Jjo-!"|LIST)', path=r"status|&Jjo-!"),
    Rule('" and \\ in names', CYRUS, "taken", "NO", "RFC 9051 5.1: the server's choice", step=r'^names: A: (CREATE "(quote|back)|LIST)',
         path=r'status|quote"d|back\\slash'),
    Rule("names that mean something to a file system", DOVECOT, "taken", "NO", "RFC 9051 5.1: the server's choice",
         step=r'^names: A: (CREATE "(~tilde|\.\.)"|LIST)', path=r"status|code\.CANNOT|LIST\.(\.\.|~tilde)"),
]

ERRORS = [
    Rule("arguments where a command has none", DOVECOT, "BAD", "OK", "RFC 9051 9 (command-any)", step=r"^errors: [Aa]: (NOOP now|CAPABILITY x|LOGOUT x)$"),
    Rule("ENABLE without a name, ID without a list, ID with a name and no value", DOVECOT, "BAD", "OK",
         "RFC 5161 4, RFC 2971 4", step=r'^errors: A: (ENABLE|ID|ID \("name"\))$'),
    Rule("ENABLE of nothing that is known", BOTH, "ENABLED without names", "no ENABLED", "RFC 5161 3.1: what was enabled is listed; both allowed",
         path=r"^ENABLED$", ours=r"^\[\]$"),
    Rule("ID ()", CYRUS, "OK", "BAD", "RFC 2971 4: the list may be empty", step=r"^errors: A: ID \(\)$"),
    Rule("unknown and misplaced commands before sign-in", DOVECOT, "BAD", "ends the session after three",
         "RFC 9051 7.1.5: the server's choice", path=r"^(ended|status)$", step=r"^errors: a: ", theirs=r"closed|absent"),
    Rule("sign-in with a wrong password", CYRUS, "NO [AUTHENTICATIONFAILED]", "NO", "RFC 5530 3: optional", path=r"^code\.AUTHENTICATIONFAILED$"),
    Rule("an unknown mechanism", DOVECOT, "NO [CANNOT]", "NO [ALERT]", "RFC 9051 7.1: codes are optional", path=r"^code\.ALERT$"),
]

POP3 = [
    Rule("POP3: a second session on a maildrop", BOTH, "-ERR [IN-USE]", "share it", "RFC 1939 3: an exclusive-access lock",
         step=r"^session: B: (STAT|LIST|RETR 1)$"),
    Rule("POP3: USER a second time", CYRUS, "the new name counts", "-ERR", "RFC 1939 7: both allowed", step=r"^auth: a: USER \$account$"),
    Rule("POP3: misplaced commands before sign-in", DOVECOT, "-ERR", "ends the session after some", "RFC 1939 3: the server's choice",
         step=r"^auth: a: RSET$"),
    Rule("POP3: AUTH without a mechanism", BOTH, "-ERR", "list their mechanisms", "RFC 5034 4, RFC 2449 6.3: CAPA lists them",
         step=r"^session: b: AUTH$"),
    Rule("POP3: arguments that are missing or too many", DOVECOT, "-ERR", "+OK", "RFC 1939 3, 5",
         step=r"^session: (a: USER|A: NOOP x|b: QUIT now)$", path="^status$"),
    Rule("POP3: codes of a refusal", BOTH, "[AUTH] and others where RFC 3206 has them", "at other places", "RFC 3206 5, RFC 2449 8: optional",
         path="^code$"),
]

RULES = [*POP3, *SELECTING, *STORING, *CONDSTORE, *FETCHING, *SEARCHING, *APPENDING, *MAILBOXES, *ERRORS, *rules_mime.rules(Rule)]
