#!/usr/bin/env python3
"""Tailcast and Centrifugo under the same fan-out, in turn: sessions on one stream, lines that come one by one.

Centrifugo is asked for what comes nearest: a channel with history, positioned and recovered subscriptions, WebSockets
with JSON, lines published over its HTTP API. It forgets its history with the process; Tailcast has every line on disk
before it answers. The load on Centrifugo is made by `rivals/centrifugo`, which Go builds.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import cases
import machine
import pair
from server import Server, free_port

HERE = pathlib.Path(__file__).resolve().parent
RATES = (50, 100, 500)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tailcast", help="an executable of Tailcast")
    parser.add_argument(
        "centrifugo", help="one of Centrifugo 6: `go install github.com/centrifugal/centrifugo/v6@v6.9.1`"
    )
    parser.add_argument("--rate", type=int, action="append", help=f"lines a second; can be repeated [default: {RATES}]")
    parser.add_argument("--sessions", type=int, default=1000, help="[default: 1000]")
    parser.add_argument("--seconds", type=int, default=8, help="[default: 8]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each [default: 3]")
    parser.add_argument("--bench", help="the executable that makes the load on Tailcast [default: TAILCAST]")
    parser.add_argument("--quiet", type=float, default=12, help="percent of the machine that others may use [default: 12]")
    parser.add_argument("--patience", type=float, default=14, help="seconds to wait for that, at most [default: 14]")
    return parser.parse_args()


def tailcast(options, rate):
    load = ["--sessions", str(options.sessions), "--rate", str(rate), "--seconds", str(options.seconds)]
    with Server(options.tailcast) as server:
        machine.wait_for_quiet(options.quiet, options.patience)
        report = server.bench(options.bench or options.tailcast, load)
    found = cases.figures(report)
    found["CPU s"] = report["server"]["cpu_user"] + report["server"]["cpu_system"]
    found["CPU s/M"] = report["server"]["cpu_per_million_delivered"]
    return found


def centrifugo(options, load, rate):
    port = free_port()
    configuration = {
        "http_server": {"address": "127.0.0.1", "port": port},
        "http_api": {"key": "bench"},
        "client": {"insecure": True},
        "channel": {
            "without_namespace": {
                "history_size": 10_000,
                "history_ttl": "300s",
                "force_recovery": True,
                "allow_subscribe_for_client": True,
            }
        },
        "log": {"level": "error"},
    }
    with tempfile.TemporaryDirectory(prefix="centrifugo-bench-") as folder:
        path = os.path.join(folder, "config.json")
        with open(path, "w") as file:
            json.dump(configuration, file)
        server = subprocess.Popen([options.centrifugo, "--config", path], stdout=subprocess.DEVNULL)
        try:
            machine.wait_for_quiet(options.quiet, options.patience)
            command = [load, "-address", f"127.0.0.1:{port}", "-pid", server.pid, "-sessions", options.sessions]
            command += ["-rate", rate, "-seconds", options.seconds]
            ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=180)
        finally:
            server.terminate()
            server.wait(30)
    if ran.returncode != 0:
        sys.exit(f"the load on Centrifugo ends: {ran.stderr}")
    return json.loads(ran.stdout)


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="centrifugo-load-") as folder:
        load = os.path.join(folder, "load")
        subprocess.run(["go", "build", "-o", load, "."], cwd=HERE / "rivals" / "centrifugo", check=True)
        for rate in options.rate or RATES:
            runs = {"Tailcast": [], "Centrifugo": []}
            for nth in range(options.rounds):
                turns = [
                    ("Tailcast", lambda: tailcast(options, rate)),
                    ("Centrifugo", lambda: centrifugo(options, load, rate)),
                ]
                for name, run in turns if nth % 2 == 0 else turns[::-1]:
                    runs[name].append(run())
            print(pair.table(f"{options.sessions} sessions, {rate} lines/s one by one", runs), flush=True)


if __name__ == "__main__":
    main()
