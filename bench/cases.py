"""The loads that are compared, each as the arguments of `tailcast bench`, and what a run of one came to."""

FAN = "--sessions 1000 --seconds 8"
COLLECT = "--sessions 0 --flat-out --seconds 8"

# Name: arguments. In the order of the questions: many streams, latency while there is room, single lines, batches, idle.
CASES = {
    "everything-1000": f"{FAN} --streams 1000 --pattern --rate 1000 --lines 10 --spread 10",
    "everything-2000": "--sessions 2000 --seconds 8 --streams 1000 --pattern --rate 1000 --lines 10 --spread 10",
    "ten-of-hundred": f"{FAN} --streams 100 --follow 10 --rate 5000 --lines 10 --spread 10",
    "ten-of-hundred-pattern": f"{FAN} --streams 100 --follow 10 --pattern --rate 5000 --lines 10 --spread 10",
    "hundred-of-hundred": f"{FAN} --streams 100 --follow 100 --rate 500",
    "ten-of-ten": f"{FAN} --streams 10 --follow 10 --rate 500",
    "one-of-ten": f"{FAN} --streams 10 --rate 500",
    "fan-50": f"{FAN} --rate 50",
    "fan-100": f"{FAN} --rate 100",
    "fan-500": f"{FAN} --rate 500",
    "fan-batches": f"{FAN} --rate 2000 --lines 100",
    "one-watcher": "--sessions 1 --rate 1000 --seconds 8",
    "singles-3000": "--sessions 1 --streams 1000 --rate 3000 --seconds 8",
    "collect-1x1": f"{COLLECT} --streams 1 --connections 1 --no-keys",
    "collect-16x1": f"{COLLECT} --streams 16 --connections 16 --no-keys",
    "collect-16x1-keys": f"{COLLECT} --streams 16 --connections 16",
    "collect-64x1": f"{COLLECT} --streams 64 --connections 64 --no-keys",
    "collect-8x100": f"{COLLECT} --streams 8 --connections 8 --lines 100 --no-keys",
    "collect-4x1000": f"{COLLECT} --streams 4 --connections 4 --lines 1000 --no-keys",
    "idle": "--sessions 5000 --rate 0 --seconds 60",
}

WRONG = ("lost", "repeated", "out_of_order", "damaged", "stored_unasked", "acknowledged_twice", "unacknowledged")


def figures(report):
    """What is compared of a report of `tailcast bench --json`: name, value. A figure that a load has not is left out."""
    lines, server = report["lines"] or {}, report["server"] or {}
    latency, answers = lines.get("latency_ms") or {}, lines.get("answer_ms") or {}
    delivered = lines.get("delivered", 0)
    found = {
        "acknowledged/s": lines.get("acknowledged_a_second"),
        "delivered/s": delivered / report["seconds"] if delivered else None,
        "latency p50 ms": latency.get("p50"),
        "latency p99 ms": latency.get("p99"),
        "answer p50 ms": answers.get("p50"),
        "answer p99 ms": answers.get("p99"),
        "answer max ms": answers.get("max"),
        "lines a frame": lines.get("lines_a_frame") if delivered else None,
        "KiB a session": server.get("kib_per_idle_session") if not lines else None,
        "MiB after": server["resident_after"] / 2**20 if server else None,
        "wrong": sum(lines.get(name, 0) for name in WRONG) + report["sessions_ended"],
        "bench CPU s": report["bench"]["user"] + report["bench"]["system"],
    }
    return {name: value for name, value in found.items() if value is not None}
