"""Plants one fault in a stopped store: `plant.py WALLET.db METERING.db KIND`. Constraints stand aside, as a hand at
the file would make them."""

import sqlite3
import sys

wallet, metering, kind = sys.argv[1:]
db = sqlite3.connect(metering if kind == "event_without_transaction" else wallet)
db.execute("PRAGMA ignore_check_constraints = ON")
where = "SELECT shard, wallet_id, max(seq) FROM transactions WHERE kind IN (10, 13) AND postings <> '[]' GROUP BY shard, wallet_id HAVING max(seq) > 3 LIMIT 1"

if kind == "changed_posting":
    shard, wallet_id, seq = db.execute(where).fetchone()
    db.execute(
        "UPDATE transactions SET postings = json_set(postings, '$[0][2]', json_extract(postings, '$[0][2]') + 1) "
        "WHERE shard = ? AND wallet_id = ? AND seq = ?", (shard, wallet_id, seq))
elif kind == "missing_last_row":
    shard, wallet_id, head = db.execute("SELECT shard, wallet_id, head FROM wallets WHERE head > 3 LIMIT 1").fetchone()
    db.execute("DELETE FROM transactions WHERE shard = ? AND wallet_id = ? AND seq = ?", (shard, wallet_id, head))
elif kind == "swapped_pair":
    shard, wallet_id, head = db.execute("SELECT shard, wallet_id, head FROM wallets WHERE head > 3 LIMIT 1").fetchone()
    for old, new in ((2, 1000001), (3, 2), (1000001, 3)):
        db.execute("UPDATE transactions SET seq = ? WHERE shard = ? AND wallet_id = ? AND seq = ?", (new, shard, wallet_id, old))
elif kind == "event_without_transaction":
    def copy(table, condition, values):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        row = dict(zip(columns, db.execute(f"SELECT * FROM {table} WHERE {condition} LIMIT 1", values).fetchone()))
        source = dict(row)
        row.update({k: v for k, v in {"event_key": b"planted-event-16", "event_id": "planted"}.items() if k in row})
        db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        return source

    fact = copy("usage_events", "credits_micros > 0 AND kind = 'settled'", ())
    copy("event_keys", "event_key = ?", (fact["event_key"],))
else:
    sys.exit(f"unknown kind {kind}")
db.commit()
print("planted")
