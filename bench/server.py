"""A Tailcast server of its own for each run: a free port, a fresh data folder or database."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import machine
import mongo


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Runs while the block does. `store`: a MongoDB's address, in which a database is made and dropped; `pids`: its
    processes, whose CPU time counts."""

    def __init__(self, executable, store=None, pids=(), folder=None):
        self.executable, self.pids, self.given = executable, list(pids), folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self.database = None
        self.arguments = []
        if store:
            self.database = mongo.Database(store, f"tailcast_bench_{secrets.token_hex(6)}")
            self.arguments = ["--store", self.database.url]

    def __enter__(self):
        self.folder = self.given or tempfile.mkdtemp(prefix="tailcast-bench-")
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith("TAILCAST_")}
        self.variables |= {"TAILCAST_KEY": secrets.token_hex(32), "TAILCAST_CLUSTER_SECRET": secrets.token_hex(32)}
        listen, internal = self.url.removeprefix("http://"), f"127.0.0.1:{free_port()}"
        command = [self.executable, "serve", "--data", self.folder, "--listen", listen, "--internal", internal]
        with open(os.path.join(self.folder, "log"), "w") as log:
            self.process = subprocess.Popen(
                command + self.arguments, env=self.variables, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def stop(self):
        """As an operator does; what it has once stopped stays so."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *_):
        self.stop()
        if not self.given:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.database:
            self.database.drop()

    @property
    def all_pids(self):
        return [self.process.pid, *self.pids]

    def _wait_until_ready(self):
        for _ in range(400):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        with open(os.path.join(self.folder, "log")) as log:
            raise SystemExit(f"{self.executable} does not become ready:\n{log.read()[-2000:]}")

    def run(self, *arguments, timeout=180):
        """A command of Tailcast against this server: its output."""
        executable, *arguments = arguments
        ran = subprocess.run(
            [executable, *arguments], env=self.variables, capture_output=True, text=True, timeout=timeout
        )
        if not ran.stdout:
            raise SystemExit(f"{' '.join(arguments)}: {ran.stderr}")
        return ran.stdout

    def bench(self, executable, arguments, timeout=180):
        """The report of `tailcast bench`."""
        pids = [text for pid in self.all_pids for text in ("--pid", str(pid))]
        return json.loads(
            self.run(executable, "bench", "--url", self.url, "--json", *pids, *arguments, timeout=timeout)
        )

    def token(self):
        rights = ["--read", "**", "--write", "**", "--ttl", "1h"]
        return self.run(self.executable, "token", "--sub", "bench", *rights).split()[0]

    def get(self, path, token, **query):
        """The answer's body, where it says to go on, and how many seconds it took."""
        address = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        return body, answer.headers.get("Tailcast-Next"), time.monotonic() - began

    def stored_lines(self):
        """Lines of all streams."""
        body, *_ = self.get("/v1/streams", self.token())
        return sum(stream["next"] for stream in json.loads(body)["streams"])

    def stored_bytes(self):
        """What they take on the disk. SQLite's log is taken into its file by the end of a server: stop it before."""
        return self.database.bytes() if self.database else machine.disk_bytes(self.folder)
