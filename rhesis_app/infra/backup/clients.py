"""PostgreSQL's own programs that write and read dumps: found, started, and their failures told."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy.engine import make_url

from rhesis_app.infra.backup.failures import BackupError
from rhesis_app.infra.config import environment_of_programs
from rhesis_app.infra.embedded.postgres import binary_folders

_PROGRAMS: Final = ("pg_dump", "pg_restore", "psql")
_TOO_NEW: Final = b"SET transaction_timeout = 0;\n"
_END_OF_HEAD: Final = b"SET row_security"
_PIECE: Final = 1 << 20
_LONGEST_COMPLAINT: Final = 300


@dataclass(frozen=True)
class Clients:
    """The programs of one folder, and the database they talk to."""

    folder: Path
    url: str

    def dump(self, target: Path, snapshot: str) -> None:
        """Write the tables of that snapshot, their policies and functions to `target`, in the custom format.

        Row-level security stays on, because the owner is bound by it; who asks has made sure that it sees every row.
        """
        options = ("--format=custom", "--enable-row-security", "--schema=public", "--no-owner", "--no-password")
        self._run("pg_dump", *options, f"--snapshot={snapshot}", f"--file={target}", self._address)

    def contents(self, dump: Path) -> list[str]:
        """What a dump holds, a line each, as `load` takes it back."""
        return self._run("pg_restore", "--list", str(dump)).splitlines()

    def load(self, dump: Path, contents: Iterable[str], *, before: str, after: str) -> None:
        """Run `before`, what the dump holds, and `after`, which ends the transaction that `before` begins.

        Whatever fails on the way, the transaction is not ended, and the database stays as it was.
        """
        chosen = dump.with_name("contents.list")
        chosen.write_text("\n".join(contents) + "\n", encoding="utf-8")
        reader = ("pg_restore", "--file=-", "--enable-row-security", "--no-owner", f"--use-list={chosen}", str(dump))
        writer = ("psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", self._address)
        with tempfile.TemporaryFile() as said:
            psql = self._start(*writer, stdin=subprocess.PIPE, stderr=said)
            complete = False
            # one that has ended because of an error no longer listens, and says itself why
            with suppress(BrokenPipeError), psql:
                complete = self._feed(psql, before, reader, after)
            if psql.returncode != 0 or not complete:
                raise BackupError(f"The database could not be restored and is as it was: {_complaint(said)}")

    def _feed(self, psql: "subprocess.Popen[bytes]", before: str, reader: tuple[str, ...], after: str) -> bool:
        """False when the dump could not be read to its end."""
        assert psql.stdin is not None
        psql.stdin.write(before.encode())
        psql.stdin.flush()
        with self._start(*reader, stdout=subprocess.PIPE) as restore:
            assert restore.stdout is not None
            pour(restore.stdout, psql.stdin)
        if restore.returncode != 0:
            return False
        psql.stdin.write(after.encode())
        return True

    @property
    def _address(self) -> str:
        # set() would keep the password, which goes where other users of this machine cannot read it, unlike arguments
        plain = make_url(self.url)._replace(drivername="postgresql", password=None)
        return f"--dbname={plain.render_as_string()}"

    @property
    def _environment(self) -> dict[str, str]:
        password = make_url(self.url).password
        return environment_of_programs(LC_ALL="C", **({"PGPASSWORD": str(password)} if password else {}))

    def _run(self, program: str, *options: str) -> str:
        with tempfile.TemporaryFile() as said:
            process = self._start(program, *options, stdout=subprocess.PIPE, stderr=said)
            try:
                answer = process.communicate()[0]
            except BaseException:
                process.kill()  # told to stop, we do not leave it dumping into a file that is gone
                process.wait()
                raise
            if process.returncode != 0:
                raise BackupError(f"{program} failed: {_complaint(said)}")
        return answer.decode("utf-8", "replace")

    def _start(self, program: str, *options: str, **streams: Any) -> "subprocess.Popen[bytes]":
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams}
        command = (str(self.folder / program), *options)
        return subprocess.Popen(command, env=self._environment, **streams)  # noqa: S603 - PostgreSQL's, no user's text


def pour(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy a script, less the one setting at its head that servers before PostgreSQL 17 do not know."""
    for line in source:
        if line != _TOO_NEW:
            target.write(line)
        if line.startswith(_END_OF_HEAD):
            break
    shutil.copyfileobj(source, target, _PIECE)


def find_clients(url: str, server: int, wanted: Path | None = None) -> Clients:
    """Programs not older than the server, which refuses to be dumped by older ones; BackupError says what to install."""
    found = []
    for folder in _folders(wanted):
        major = _major(folder)
        if major is not None and major >= server:
            return Clients(folder, url)
        found += [str(major)] if major is not None else []
    here = f"only those of PostgreSQL {', '.join(found)}" if found else "none"
    raise BackupError(
        f"The database is PostgreSQL {server}, and its programs pg_dump, pg_restore and psql must not be older; "
        f"there are {here} here. Install postgresql-client-{server} or newer, or name their folder in RHESIS_PG_BINDIR."
    )


def _folders(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
    yield from binary_folders()
    program = shutil.which("pg_dump")
    if program:
        yield Path(program).parent


def _major(folder: Path) -> int | None:
    """The version of the programs in a folder; None when one is missing or does not run."""
    if not all((folder / program).is_file() for program in _PROGRAMS):
        return None
    try:
        answer = subprocess.run([folder / "pg_dump", "-V"], capture_output=True, text=True, check=False)  # noqa: S603 - no user's text
    except OSError:
        return None
    found = re.search(r"(\d+)(?:\.\d+)?", answer.stdout)
    return int(found[1]) if found else None


def _complaint(said: IO[bytes]) -> str:
    """The first error of what a program said, with its hint; other lines may quote rows."""
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if "error:" in line.lower()] or lines[-1:]
    hints = [line for line in lines if line.startswith("HINT:")]
    if not errors:
        return "the dump cannot be read to its end."
    return " ".join(line[:_LONGEST_COMPLAINT] for line in (*errors[:1], *hints[:1]))
