//! Edges: holds that are gone, whose they are, freezing, thresholds, nothing, too much.

use super::script::check;

#[test]
fn a_hold_that_ended_is_told_from_one_that_never_was() {
    check(
        "grant 10
         reserve 4
         reserve 4
         commit H1 4
         release H2
         commit H1 4              | refused: the hold was committed or released before
         release H1               | refused: the hold was committed or released before
         commit H2 4              | refused: the hold was committed or released before
         extend H2 4              | refused: the hold was committed or released before
         commit H9 4              | refused: there is no such hold in this wallet
         extend H9 4              | refused: there is no such hold in this wallet
         release H9               | refused: there is no such hold in this wallet",
    );
}

#[test]
fn what_belongs_to_another_origin_is_left_alone_unless_overridden() {
    check(
        "grant 10
         reserve 4
         deduct 2
         as client
         commit H1 4              | refused: it belongs to the metering service or client
         extend H1 4              | refused: it belongs to the metering service or client
         release H1               | refused: it belongs to the metering service or client
         reverse #3               | refused: it belongs to the metering service or client
         as client override
         reverse #3               | spent(G1)→available(G1) 2
         release H1               | held(H1,G1)→available(G1) 4",
    );
}

#[test]
fn a_frozen_wallet_refuses_new_work_and_nothing_else() {
    check(
        "grant 10
         reserve 4
         frozen
         reserve 0                | refused: the wallet is frozen since 2027-01-15T08:00:00Z
         extend H1 0 ttl 60       | refused: the wallet is frozen since 2027-01-15T08:00:00Z
         deduct 1                 | refused: the wallet is frozen since 2027-01-15T08:00:00Z
         deduct 1 record          | available(G1)→spent(G1) 1
         deduct 1 cap             | available(G1)→spent(G1) 1
         commit H1 3              | held(H1,G1)→spent(G1) 3, held(H1,G1)→available(G1) 1
         grant 1
         adjust -1
         reverse #3               | spent(G1)→available(G1) 1",
    );
}

#[test]
fn a_threshold_is_crossed_both_ways() {
    check(
        "thresholds 0 50
         grant 100                | issued→available(G1) 100; crossed 0 up; crossed 50 up
         deduct 49                | available(G1)→spent(G1) 49
         deduct 1                 | available(G1)→spent(G1) 1; crossed 50 down
         deduct 1                 | available(G1)→spent(G1) 1
         reserve 49               | available(G1)→held(H1,G1) 49; crossed 0 down
         release H1               | held(H1,G1)→available(G1) 49; crossed 0 up
         reverse #3               | spent(G1)→available(G1) 1
         reverse #4               | spent(G1)→available(G1) 1; crossed 50 up",
    );
}

#[test]
fn nothing_is_an_amount() {
    check(
        "deduct 0                 | nothing
         deduct 5 record
         deduct 0                 | nothing
         reserve 0                | nothing
         extend H1 0              | nothing
         commit H1 0              | nothing
         balances                 | owed 5",
    );
}

#[test]
fn a_unit_is_declared_before_it_is_used() {
    check(
        "unit stars
         grant 1                  | refused: there is no unit \"stars\"; declare it in the settings first
         declare stars
         grant 1                  | issued→available(G1) 1",
    );
}

#[test]
fn an_amount_that_would_leave_the_range_is_refused() {
    check(
        "grant 1000000000000      | issued→available(G1) 1000000000000
         grant 152921504606       | issued→available(G2) 152921504606
         grant 1                  | refused: a balance would leave the range of an amount
         deduct 2000000000000 record | refused: a balance would leave the range of an amount",
    );
}

#[test]
fn the_smallest_amount_counts() {
    check(
        "grant 0.000003
         deduct 0.000001          | available(G1)→spent(G1) 0.000001
         deduct 0.000003          | refused: 0.000003 credits are needed and 0.000002 are spendable
         balances                 | available 0.000002",
    );
}

#[test]
fn an_empty_wallet_has_nothing_to_correct() {
    check(
        "adjust -1                | refused: there is no such wallet
         write_off 1              | refused: there is no such wallet
         release H1               | refused: there is no such hold in this wallet
         deduct 1                 | refused: 1 credits are needed and 0 are spendable
         totals                   |",
    );
}
