# SPDX-License-Identifier: ISC
"""What `make install` and `make deb` make: files in a folder, a package that
dpkg takes, and its unit started by a real systemd in a container of its own,
above a throw-away copy of this machine's root."""

import json
import os
import shutil
import subprocess
import textwrap

import pytest

from mailstead import release_build

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROLES = ("store", "auth", "lookup", "intake", "mx", "access", "outbound")
# What a role's process may have beside nothing: no capability but in the bounding set, which the unit names.
PRIVILEGES = 1 << 10 | 1 << 7 | 1 << 6 | 1 << 0 | 1 << 2 | 1 << 5

pytestmark = pytest.mark.skipif(not release_build(), reason="what is installed is the release build")


def run(*command, **keys):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **keys)
    assert done.returncode == 0, (command, done.stdout[-4000:], done.stderr[-4000:])
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    run("make", "install", "PREFIX=/usr", f"DESTDIR={folder}")
    return folder


@pytest.fixture(scope="module")
def package():
    said = run("make", "deb")
    name = next(word for word in said.replace("'", " ").split() if word.endswith(".deb"))
    return os.path.join(ROOT, name)


def test_files(tree):
    modes = {
        "usr/bin/mailstead": 0o755, "usr/lib/systemd/system/mailstead.service": 0o644,
        "usr/lib/sysusers.d/mailstead.conf": 0o644, "usr/share/man/man8/mailstead.8.gz": 0o644,
        "usr/share/doc/mailstead/copyright": 0o644, "etc/mailstead/mailstead.conf": 0o600,
    }
    for name, mode in modes.items():
        assert os.stat(tree / name).st_mode & 0o777 == mode, name
    assert "mailstead" in run(str(tree / "usr/bin/mailstead"), "--version")
    run(str(tree / "usr/bin/mailstead"), "check", "--config", str(tree / "etc/mailstead/mailstead.conf"))


def test_what_is_installed_listens_for_who_sends(tree):
    """README.md: who signs in sends mail on ports 465 and 587 (RFC 8314 3.3, RFC 6409 3.1)."""
    said = (tree / "etc/mailstead/mailstead.conf").read_text().splitlines()
    assert {"listen submissions { port = 465 }", "listen submission { port = 587 }"} <= set(said)


def test_a_configuration_stays(tree):
    path = tree / "etc/mailstead/mailstead.conf"
    path.write_text(path.read_text() + "# mine\n")
    run("make", "install", "PREFIX=/usr", f"DESTDIR={tree}")
    assert path.read_text().endswith("# mine\n")


def test_users(tree, tmp_path):
    """Every role that the example configuration names gets its user."""
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", str(tree / "usr/lib/sysusers.d/mailstead.conf"))
    made = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    for role in ROLES:
        assert f"mailstead-{role}" in made
        assert f"{role} = mailstead-{role}" in (tree / "etc/mailstead/mailstead.conf").read_text()


def test_unit(tree, tmp_path):
    unit = tree / "usr/lib/systemd/system/mailstead.service"
    assert "@PREFIX@" not in unit.read_text()
    here = tmp_path / "mailstead.service"
    here.write_text(unit.read_text().replace("/usr/bin/mailstead", str(tree / "usr/bin/mailstead")))
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True,
                          check=False)
    assert told.returncode == 0 and "mailstead.service" not in told.stderr, told
    run("systemd-analyze", "security", "--offline=true", "--threshold=30", str(here))


def test_package(package):
    told = run("dpkg-deb", "-f", package)
    for word in ("librocksdb", "libssl3", "libargon2-1", "libseccomp2", "systemd"):
        assert word in told, told
    listed = run("dpkg-deb", "-c", package)
    assert "root/root" in listed and "./usr/bin/mailstead" in listed
    with open("/dev/null", "rb") as nothing:
        assert subprocess.run(["dpkg-deb", "-I", package, "conffiles"], capture_output=True, stdin=nothing,
                              check=True).stdout.split() == [b"/etc/mailstead/mailstead.conf"]


# ---- under systemd ----

CONFIGURATION = """\
hostname = "mail.site.test"
dir = "/var/lib/mailstead"
tls { certificate = "/etc/mailstead/cert.pem", key = "/etc/mailstead/key.pem" }
listen smtp { port = 25 }
listen imaps { port = 993 }
users {
	store = mailstead-store
	auth = mailstead-auth
	lookup = mailstead-lookup
	outbound = mailstead-outbound
	intake = mailstead-intake
	mx = mailstead-mx
	access = mailstead-access
}
"""

TARGET = """\
[Unit]
Requires=basic.target
After=basic.target
SuccessAction=exit
FailureAction=exit
FailureActionExitStatus=9
[Service]
Type=oneshot
ExecStart=/try/script
TimeoutStartSec=180
"""

# Runs inside the container. What it finds goes to /try.
SCRIPT = r"""
exec >/try/said 2>&1
set -eux
PS4='+ $SECONDS '
trap 'journalctl --no-pager -u mailstead >/try/journal || true' EXIT
fetch() { curl -sS --cacert /etc/mailstead/cert.pem -u eve@site.test:secret "imaps://localhost/INBOX;MAILINDEX=$1"; }
deliver() { printf 'Subject: %s\r\n\r\nx\r\n' "$1" | curl -sS smtp://127.0.0.1 --mail-from a@example.org --mail-rcpt eve@site.test -T -; }
pid() { systemctl show -P MainPID mailstead; }

dpkg -i /try/mailstead.deb
cp /try/mailstead.conf /etc/mailstead/mailstead.conf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout /etc/mailstead/key.pem -out /etc/mailstead/cert.pem
systemctl start mailstead
mailstead domain add site.test
echo secret | mailstead account add eve@site.test --password-stdin
mailstead set store.postmaster eve@site.test
deliver first
fetch 1 | grep 'Subject: first'
mailstead doctor --json >/try/doctor.json || true
for p in $(pgrep -P "$(pid)") $(pid); do cat "/proc/$p/status"; echo end; done >/try/status
stat -c '%n %U %a' /var/lib/mailstead /var/lib/mailstead/* >/try/folders

# A reload takes new certificates; the service stays the same.
was=$(pid)
systemctl reload mailstead
test "$(pid)" = "$was"
# A role that dies comes back without systemd, the whole with it.
kill -KILL "$(pgrep -f 'mailstead role intake')"
deliver second || deliver second
fetch 2 | grep 'Subject: second'
test "$(pid)" = "$was"
kill -KILL "$was"
until test "$(systemctl show -P ActiveState mailstead)$(pid)" != "active$was" &&
    systemctl is-active mailstead; do systemctl start mailstead || true; done
fetch 1 | grep 'Subject: first'

# The same package again, as an upgrade would, restarts what runs.
was=$(pid)
dpkg -i /try/mailstead.deb
systemctl is-active mailstead
grep -q mail.site.test /etc/mailstead/mailstead.conf
fetch 2 | grep 'Subject: second'
systemctl stop mailstead
systemctl show -P Result mailstead >/try/result
dpkg -r mailstead
test ! -e /usr/bin/mailstead
test -d /var/lib/mailstead/store

# From the source, beside what stayed: configuration and mail.
make -C /source install PREFIX=/usr/local
systemctl start mailstead
/usr/local/bin/mailstead check
fetch 2 | grep 'Subject: second'
systemctl stop mailstead
echo done >/try/done
"""

CONTAINER = r"""
set -e
mount -t tmpfs tmpfs "$1/overlay"
mkdir "$1/overlay/upper" "$1/overlay/work" "$1/overlay/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/overlay/upper,workdir=$1/overlay/work" "$1/overlay/root"
cp "$1/try/try.service" "$1/overlay/root/etc/systemd/system/"
rm -f "$1/overlay/root/etc/machine-id" "$1/overlay/root/usr/sbin/policy-rc.d"
rm -rf "$1/overlay/root/var/log/journal" "$1/overlay/root/etc/systemd/system/"*.wants
for unit in dovecot.socket dovecot.service postfix.service exim4.service systemd-networkd-wait-online.service; do
	ln -sf /dev/null "$1/overlay/root/etc/systemd/system/$unit" # ports that we want; a network that there is not
done
shift
exec systemd-nspawn "$@"
"""


def nspawn(folder, *arguments, limit):
    """A container above an overlay of /, in a mount namespace that ends with it; nspawn's own filter of system
    calls lets Landlock through."""
    (folder / "overlay").mkdir(exist_ok=True)
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINER, "sh", str(folder),
               "-D", str(folder / "overlay/root"), "--register=no", "--keep-unit", "--private-network", "--quiet",
               "--console=pipe", f"--bind={folder}/try:/try", f"--bind-ro={ROOT}:/source",
               "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
               *arguments]
    with open(folder / "console", "wb") as out:
        return subprocess.run(["timeout", "-k", "5", str(limit), *command], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, check=False).returncode


def read(path):
    return path.read_text(errors="replace") if path.exists() else ""


def facts(text):
    """Of /proc/PID/status, one process after the other."""
    for part in text.split("end\n"):
        yield dict(line.split(":\t", 1) for line in part.splitlines() if ":\t" in line)


@pytest.fixture(scope="module")
def container(package, tmp_path_factory):
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        pytest.skip("needs root and systemd-nspawn")
    folder = tmp_path_factory.mktemp("container")
    (folder / "try").mkdir()
    shutil.copy(package, folder / "try/mailstead.deb")
    (folder / "try/mailstead.conf").write_text(CONFIGURATION)
    (folder / "try/try.service").write_text(TARGET)
    (folder / "try/script").write_text("#!/bin/bash\n" + textwrap.dedent(SCRIPT))
    (folder / "try/script").chmod(0o755)
    if nspawn(folder, "/bin/true", limit=60) != 0:
        pytest.skip("no containers here: " + read(folder / "console")[-300:])
    code = nspawn(folder, "-b", "--", "--unit=try.service", limit=240)
    said = read(folder / "try/said")[-6000:] + read(folder / "try/journal")[-6000:] + read(folder / "console")[-2000:]
    assert code == 0 and (folder / "try/done").exists(), f"exit {code}\n{said}"
    return folder / "try"


def test_the_unit_serves(container):
    """The script went to its end: mail came and went, reload, crash, restart, upgrade and removal were good."""
    assert read(container / "result").strip() == "success"
    told = json.loads(read(container / "doctor.json"))
    assert {r["role"] for r in told["roles"]} == set(ROLES)
    for row in told["roles"]:
        assert "user" in row["sandbox"].split() and "seccomp" in row["sandbox"].split(), row
    landlock = ctypes_landlock()
    for row in told["roles"]:
        assert ("landlock" in row["sandbox"].split()) == (landlock > 0), row
    assert not told["notes"] or landlock <= 0, told["notes"]


def ctypes_landlock():
    """The kernel's version of Landlock, or less than one."""
    import ctypes
    return ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)


def test_the_unit_confines(container):
    """Each role has its user, no group besides, no capability, and none beyond the unit's to come by."""
    seen = [f for f in facts(read(container / "status")) if f]
    assert len(seen) == len(ROLES) + 1
    for f in seen:
        assert f["NoNewPrivs"] == "1" and f["Seccomp"] == "2", f
        assert int(f["CapBnd"], 16) == PRIVILEGES, f
    roles = [f for f in seen if f["Uid"].split()[0] != "0"]
    assert len({f["Uid"] for f in roles}) == len(ROLES) and len({f["Gid"] for f in roles}) == len(ROLES)
    for f in roles:
        assert len(set(f["Uid"].split() + f["Gid"].split())) <= 2 and not f["Groups"].strip(), f
        assert int(f["CapPrm"], 16) == int(f["CapEff"], 16) == int(f["CapInh"], 16) == int(f["CapAmb"], 16) == 0, f


def test_the_unit_makes_folders(container):
    rows = {line.split()[0]: line.split()[1:] for line in read(container / "folders").splitlines()}
    assert rows["/var/lib/mailstead"] == ["root", "711"]
    assert rows["/var/lib/mailstead/keys"] == ["root", "700"]
    assert rows["/var/lib/mailstead/store"] == ["mailstead-store", "700"]
    assert rows["/var/lib/mailstead/operator.sock"] == ["root", "600"]
