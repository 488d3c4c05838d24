# SPDX-License-Identifier: ISC
"""What the checks share: the project's files, and C text taken apart into
code and comments with their line numbers."""

import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TOKEN = re.compile(
    r'(?P<comment>/\*.*?\*/|//[^\n]*)'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>'(?:\\.|[^'\\\n])*')",
    re.S)


def files(root, *suffixes):
    """Paths below root, relative to it, that git knows or would take."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return sorted(p for p in set(listed)
                  if p.endswith(suffixes) and os.path.isfile(os.path.join(root, p)))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def comments(text):
    """(line, text) of every comment of a C file."""
    return [(line_of(text, m.start()), m.group("comment"))
            for m in TOKEN.finditer(text) if m.group("comment")]


def blank(match):
    """The same lines and columns without what stands in them."""
    return re.sub(r"[^\n]", " ", match.group(0))


def code(text):
    """A C file with comments, strings and characters blanked out."""
    return TOKEN.sub(blank, text)


def code_and_strings(text):
    """A C file with its comments blanked out."""
    return TOKEN.sub(lambda m: blank(m) if m.group("comment") else m.group(0), text)


def report(name, problems):
    """Prints problems and the count; the exit code."""
    for p in problems:
        print(p)
    print(f"{name}: {len(problems)} problems" if problems else f"{name}: clean")
    return 1 if problems else 0
