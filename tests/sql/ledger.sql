-- The ledger recomputed in plain SQL, the same text on both engines. Every query answers faults: no rows, no fault.

-- gaps: numbers run from 1 without gaps
SELECT shard, wallet_id, count(*) AS found, max(seq) AS last
FROM transactions GROUP BY shard, wallet_id
HAVING count(*) <> max(seq) OR min(seq) <> 1;

-- heads: a wallet's head is its last transaction, with its hash
SELECT w.shard, w.wallet_id, w.head, last.seq
FROM wallets w
LEFT JOIN (SELECT shard, wallet_id, max(seq) AS seq FROM transactions GROUP BY shard, wallet_id) last
    ON last.shard = w.shard AND last.wallet_id = w.wallet_id
LEFT JOIN transactions t ON t.shard = w.shard AND t.wallet_id = w.wallet_id AND t.seq = last.seq
WHERE w.head <> coalesce(last.seq, 0) OR (last.seq IS NOT NULL AND t.hash <> w.hash);

-- order: no transaction is dated before the one before it
SELECT shard, wallet_id, seq FROM (
    SELECT shard, wallet_id, seq, at, lag(at) OVER (PARTITION BY shard, wallet_id ORDER BY seq) AS before
    FROM transactions) dated
WHERE at < before;

-- running: available, held and owed of every transaction are the sums of the postings up to it
SELECT shard, wallet_id, seq FROM (
    SELECT t.shard, t.wallet_id, t.seq, t.available, t.held, t.owed,
        sum(coalesce(d.available, 0)) OVER w AS available_sum,
        sum(coalesce(d.held, 0)) OVER w AS held_sum,
        sum(coalesce(d.owed, 0)) OVER w AS owed_sum
    FROM transactions t
    LEFT JOIN (
        SELECT shard, wallet_id, seq,
            sum(CASE WHEN to_account = 'available' THEN amount ELSE 0 END)
                - sum(CASE WHEN from_account = 'available' THEN amount ELSE 0 END) AS available,
            sum(CASE WHEN to_account = 'held' THEN amount ELSE 0 END)
                - sum(CASE WHEN from_account = 'held' THEN amount ELSE 0 END) AS held,
            sum(CASE WHEN from_account = 'owed' THEN amount ELSE 0 END)
                - sum(CASE WHEN to_account = 'owed' THEN amount ELSE 0 END) AS owed
        FROM ledger_postings GROUP BY shard, wallet_id, seq) d
        ON d.shard = t.shard AND d.wallet_id = t.wallet_id AND d.seq = t.seq
    WINDOW w AS (PARTITION BY t.shard, t.wallet_id ORDER BY t.seq)) running
WHERE available <> available_sum OR held <> held_sum OR owed <> owed_sum;

-- totals: a wallet's row is the sum of its postings
SELECT w.shard, w.wallet_id
FROM wallets w
LEFT JOIN (
    SELECT shard, wallet_id,
        sum(CASE WHEN from_account = 'issued' THEN amount WHEN to_account = 'issued' THEN -amount ELSE 0 END) AS granted,
        sum(CASE WHEN to_account = 'spent' THEN amount WHEN from_account = 'spent' THEN -amount ELSE 0 END) AS spent,
        sum(CASE WHEN to_account = 'expired' THEN amount WHEN from_account = 'expired' THEN -amount ELSE 0 END) AS expired,
        sum(CASE WHEN to_account = 'revoked' THEN amount WHEN from_account = 'revoked' THEN -amount ELSE 0 END) AS revoked
    FROM ledger_postings GROUP BY shard, wallet_id) p ON p.shard = w.shard AND p.wallet_id = w.wallet_id
WHERE w.granted <> coalesce(p.granted, 0) OR w.spent <> coalesce(p.spent, 0)
    OR w.expired <> coalesce(p.expired, 0) OR w.revoked <> coalesce(p.revoked, 0)
    OR w.granted - w.spent - w.expired - w.revoked <> w.available + w.scheduled + w.frozen + w.held - w.owed;

-- rests: what open grants have left is what their wallet has
SELECT w.shard, w.wallet_id
FROM wallets w
LEFT JOIN (SELECT shard, wallet_id, sum(rest) AS rest FROM wallet_grants GROUP BY shard, wallet_id) g
    ON g.shard = w.shard AND g.wallet_id = w.wallet_id
WHERE w.available + w.scheduled + w.frozen <> coalesce(g.rest, 0);

-- keys: no key was used twice
SELECT shard, wallet_id, key_hash FROM transactions GROUP BY shard, wallet_id, key_hash HAVING count(*) > 1;
