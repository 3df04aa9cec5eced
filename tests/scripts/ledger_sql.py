"""Runs tests/sql/ledger.sql on a wallet database: `ledger_sql.py FILE.db` or `ledger_sql.py postgres://…`.

Prints each query that answers rows, and ends with `N queries, K faults`; the exit code is 1 where K is not 0.
"""

import pathlib
import re
import sqlite3
import subprocess
import sys


def queries():
    text = (pathlib.Path(__file__).parent.parent / "sql" / "ledger.sql").read_text()
    for block in text.split(";"):
        name = re.search(r"^-- (\w+): (.*)$", block, re.M)
        if name:
            sql = "\n".join(line for line in block.splitlines() if not line.startswith("--"))
            yield name.group(1), name.group(2), sql.strip()


def rows(database, sql):
    if database.startswith("postgres"):
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", database, "-c", sql], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return [line for line in done.stdout.splitlines() if line]
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def main():
    count, faults = 0, 0
    for name, rule, sql in queries():
        found = rows(sys.argv[1], sql)
        count += 1
        faults += len(found)
        for row in found[:5]:
            print(f"{name} ({rule}): {row}")
    print(f"{count} queries, {faults} faults")
    sys.exit(1 if faults or not count else 0)


main()
