"""Writes `docs/reference/servers.md` from what the tests of the servers recorded.

Usage: python e2e/frameworks/table.py [--check]
  --check fails if the page says something else than the records, and writes nothing. Versions are
  not compared: a newer release of a server that does the same changes nothing.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # `rig` and `frameworks` are no distribution

from frameworks.servers import COLUMNS, SERVERS, Server

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "e2e" / "artefacts" / "servers"
PAGE = ROOT / "docs" / "reference" / "servers.md"
HEAD = """\
# Servers

Every server is started by its own command line and talked to by the official JavaScript client;
`make servers` does that and writes this page, so do not edit it. How each server is started stands
in the [how-to guides](../how-to/deploy/index.md).

- **polling**, **websocket**, **upgrade**: a client of that kind connects, exchanges text and binary
  data, and both sides tell the same reason for each of five ways to part.
- **compression**: what is compressed by default where the client offers it: long answers to polls
  (`http`), websocket messages (`websocket`, which is the server's own doing).
- **graceful stop**: on SIGTERM, with a waiting poll and a websocket, the clients are told, their
  disconnect handlers run, and the process ends within two seconds.

"""


def records() -> dict[tuple[str, str], dict[str, str]]:
    """Return what was recorded, by server and column."""
    entries = [json.loads(path.read_text()) for path in RECORDS.glob("*.json")]
    return {(entry["server"], entry["column"]): entry for entry in entries}


def table(found: dict[tuple[str, str], dict[str, str]]) -> tuple[list[list[str]], list[str]]:
    """Return the rows, and the reasons that stand below them.

    Raises:
        SystemExit: A cell was not recorded.
    """
    rows = []
    reasons: list[str] = []
    for server in SERVERS:
        cells = [cell(server, column, found, reasons) for column in COLUMNS]
        version = found[server.name, COLUMNS[0]]["version"]
        rows.append([server.name, f"{server.distribution} {version}", f"`{server.mode}`", *cells])
    return rows, reasons


def cell(
    server: Server, column: str, found: dict[tuple[str, str], dict[str, str]], reasons: list[str]
) -> str:
    """Return what stands in a cell; a reason is put among the reasons."""
    if (server.name, column) not in found:
        raise SystemExit(f"nothing is recorded for {server.name}, {column}: run `make servers`")
    text = found[server.name, column]["text"]
    answer, _, reason = text.partition(": ")
    if not reason:
        return answer
    if reason not in reasons:
        reasons.append(reason)
    return f"{answer} [^{reasons.index(reason) + 1}]"


def page() -> str:
    """Return the page."""
    rows, reasons = table(records())
    titles = ["server", "tested", "async mode", *COLUMNS]
    lines = [titles, ["---"] * len(titles), *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n".join(f"[^{number}]: {reason}." for number, reason in enumerate(reasons, 1))
    return f"{HEAD}{text}\n" + (f"\n{notes}\n" if notes else "")


def without_versions(text: str) -> str:
    """Return the page without what may differ from one machine to the next."""
    return re.sub(r"(\| [\w.-]+) \d[\w.]* \|", r"\1 |", text)


def main() -> None:
    """Write the page, or compare it."""
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif without_versions(PAGE.read_text()) != without_versions(text):
        raise SystemExit(f"{PAGE.relative_to(ROOT)} is out of date: run `make servers`")


if __name__ == "__main__":
    main()
