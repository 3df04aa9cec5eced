"""Recomputes a tenant's ledgers from ListTransactions and docs/canonical-encoding.md alone.

Usage: ledger.py ADDRESS [--tenant dev] [--customer ID]...   (stubs on PYTHONPATH)

Shares no code with the engine: chain, balances and rule 1's equation are computed here from what any client can list.
Prints one line a fault and ends with `N wallets, M transactions, K faults`; the exit code is 1 where K is not 0.
"""

import argparse
import hashlib
import struct
import sys

import grpc

from chit.wallet.v1 import wallet_pb2, wallet_pb2_grpc

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
ISSUED, AVAILABLE, SCHEDULED, FROZEN, HELD, OWED, SPENT, EXPIRED, REVOKED = range(1, 10)


def micros(credits):
    return credits.units * 1_000_000 + credits.nanos // 1_000


def instant(timestamp):
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000


def id_bytes(text):
    """The UUID behind a public id: base32 of two bytes of shard and sixteen of UUID."""
    value, bits, out = 0, 0, bytearray()
    for letter in text.split("_", 1)[1]:
        value = value << 5 | ALPHABET.index(letter)
        bits += 5
        if bits >= 8:
            bits -= 8
            out.append(value >> bits & 0xFF)
    return bytes(out[2:18])


def field(number, payload):
    return struct.pack(">HI", number, len(payload)) + payload


def integer(number, value):
    return field(number, struct.pack(">q", value))


def flag(number, value):
    return integer(number, 1) if value else b""


def positive(number, value):
    return integer(number, value) if value else b""


def text(number, value):
    return field(number, value.encode()) if value else b""


def identity(number, value):
    return field(number, id_bytes(value)) if value else b""


def sized(item):
    return struct.pack(">I", len(item)) + item


def items(number, encoded):
    return field(number, b"".join(sized(e) for e in encoded)) if encoded else b""


def posting(p):
    return (
        integer(1, p.ordinal) + integer(2, getattr(p, "from")) + integer(3, p.to) + integer(4, micros(p.amount))
        + identity(5, p.grant_id) + identity(6, p.to_grant_id) + identity(7, p.hold_id) + positive(8, p.owed_seq)
    )


def grant_terms(g):
    return (
        identity(1, g.grant_id) + integer(2, g.source) + integer(3, micros(g.amount)) + integer(4, g.priority)
        + integer(5, instant(g.effective_at))
        + (integer(6, instant(g.expires_at)) if g.HasField("expires_at") else b"")
        + items(7, [e.encode() for e in g.event_types]) + integer(8, g.cost_basis) + integer(9, g.owed_policy)
        + (integer(10, instant(g.period_end)) if g.HasField("period_end") else b"")
        + flag(11, g.rollover)
        + (integer(12, g.paid_nanos) + text(13, g.paid_currency) if g.paid_currency else b"")
    )


def hold_terms(h):
    return integer(1, instant(h.expires_at)) + integer(2, h.grace_seconds) + integer(3, instant(h.created_at))


def encode(t):
    return (
        b"\x01"
        + field(1, t.wallet_id) + integer(2, t.seq) + integer(3, t.kind) + integer(4, t.origin)
        + integer(5, instant(t.at)) + field(6, t.key_hash) + field(7, t.fingerprint) + integer(8, micros(t.amount))
        + integer(9, micros(t.available)) + integer(10, micros(t.held)) + integer(11, micros(t.owed))
        + items(12, [posting(p) for p in t.postings]) + text(13, t.event_type) + identity(14, t.hold_id)
        + positive(15, t.reverses) + (field(16, t.text_hash) if t.text_hash else b"")
        + items(17, [grant_terms(g) for g in t.grants])
        + (field(18, hold_terms(t.hold)) if t.HasField("hold") else b"")
        + (integer(19, micros(t.committed)) if t.HasField("committed") else b"")
        + positive(20, micros(t.forgiven)) + positive(21, micros(t.waived)) + flag(22, t.late)
        + flag(23, t.closed_hold) + identity(24, t.grant_id)
        + positive(26, micros(t.claimed)) + positive(27, t.shortfall)
    )


def text_hash(t):
    pairs = sorted((k.encode(), v.encode()) for k, v in t.text.metadata.items())
    body = (
        b"\x01" + text(2, t.text.reference) + text(3, t.text.description)
        + (field(4, b"".join(sized(k) + sized(v) for k, v in pairs)) if pairs else b"")
        + items(5, [s.encode() for s in t.text.subjects])
    )
    return hashlib.sha256(t.text.salt + body).digest()


def wallet_id(tenant, customer, unit):
    parts = (sized(p.encode()) for p in (tenant, customer, unit))
    return hashlib.sha256(b"".join(parts)).digest()[:16]


class Ledger:
    """One wallet, recomputed."""

    def __init__(self, tenant, wallet):
        self.wallet = wallet
        self.id = wallet_id(tenant, wallet.customer_id, wallet.unit)
        self.hash = hashlib.sha256(self.id).digest()
        self.seq = 0
        self.at = 0
        self.sums = dict.fromkeys(range(1, 10), 0)
        self.faults = []

    def fault(self, what, seq=None):
        self.faults.append(f"{self.wallet.customer_id}/{self.wallet.unit} #{seq or self.seq}: {what}")

    def take(self, t):
        if t.seq != self.seq + 1:
            self.fault(f"follows {self.seq}", t.seq)
        if t.wallet_id != self.id:
            self.fault("names another wallet", t.seq)
        if instant(t.at) < self.at:
            self.fault("is dated before the one before it", t.seq)
        self.seq, self.at = t.seq, instant(t.at)
        self.hash = hashlib.sha256(self.hash + encode(t)).digest()
        if t.hash != self.hash:
            self.fault("hash differs")
            self.hash = t.hash
        if t.HasField("text") and text_hash(t) != t.text_hash:
            self.fault("text differs from its hash")
        for p in t.postings:
            amount = micros(p.amount)
            if amount <= 0:
                self.fault("a posting is not above zero")
            for account, sign in ((getattr(p, "from"), -1), (p.to, 1)):
                self.sums[account] += -sign * amount if account in (ISSUED, OWED) else sign * amount
        for name, account, stored in (
            ("available", AVAILABLE, t.available), ("held", HELD, t.held), ("owed", OWED, t.owed),
        ):
            if self.sums[account] != micros(stored):
                self.fault(f"{name} is {micros(stored)} micros, its postings say {self.sums[account]}")
        if any(v < 0 for v in self.sums.values()):
            self.fault(f"an account is below zero: {self.sums}")
        s = self.sums
        if s[ISSUED] - s[SPENT] - s[EXPIRED] - s[REVOKED] != s[AVAILABLE] + s[SCHEDULED] + s[FROZEN] + s[HELD] - s[OWED]:
            self.fault("the equation does not hold")

    def finish(self, wallet):
        if self.seq != wallet.head:
            self.fault(f"the wallet's head is {wallet.head}")
        if self.hash != wallet.hash:
            self.fault("the wallet's hash differs from its last transaction's")
        for name, account in (("granted", ISSUED), ("spent", SPENT), ("expired", EXPIRED), ("revoked", REVOKED)):
            if self.sums[account] != micros(getattr(wallet.totals, name)):
                self.fault(f"{name} differs from the sum of its postings")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--tenant", default="dev")
    parser.add_argument("--customer", action="append", default=[])
    options = parser.parse_args()
    stub = wallet_pb2_grpc.WalletServiceStub(grpc.insecure_channel(options.address))
    metadata = (("x-chit-tenant", options.tenant),)

    wallets, transactions, faults, token = 0, 0, [], ""
    while True:
        page = stub.ListWallets(wallet_pb2.ListWalletsRequest(page_size=1000, page_token=token), metadata=metadata)
        for wallet in page.wallets:
            if options.customer and wallet.customer_id not in options.customer:
                continue
            ledger = Ledger(options.tenant, wallet)
            after = 0
            while True:
                rows = stub.ListTransactions(
                    wallet_pb2.ListTransactionsRequest(
                        customer_id=wallet.customer_id, unit=wallet.unit, after=after, page_size=1000
                    ),
                    metadata=metadata,
                ).transactions
                for row in rows:
                    ledger.take(row)
                transactions += len(rows)
                if len(rows) < 1000:
                    break
                after = rows[-1].seq
            ledger.finish(wallet)
            faults += ledger.faults
            wallets += 1
        token = page.next_page_token
        if not token:
            break
    for fault in faults:
        print(fault)
    print(f"{wallets} wallets, {transactions} transactions, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
