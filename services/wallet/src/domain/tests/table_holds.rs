//! RESERVE, EXTEND, RELEASE and EXPIRE_HOLD: every case of the table of postings.

use super::script::check;

#[test]
fn a_reserve_holds_in_the_order_of_spending() {
    check(
        "grant 10 priority 100
         grant 10 priority 50
         grant 10 for chat priority 100
         reserve 25 for chat      | available(G2)→held(H1,G2) 10, available(G3)→held(H1,G3) 10, available(G1)→held(H1,G1) 5
         balances                 | available 5, held 25",
    );
}

#[test]
fn a_reserve_within_the_overdraft_borrows_the_rest() {
    check(
        "grant 10
         overdraft 20
         reserve 25               | available(G1)→held(H1,G1) 10, owed→held(H1,borrowed) 15
         balances                 | held 25, owed 15
         reserve 6                | refused: 6 credits are needed and 0 are spendable
         reserve 5                | owed→held(H2,borrowed) 5",
    );
}

#[test]
fn an_extension_adds_to_the_hold() {
    check(
        "grant 10
         overdraft 5
         reserve 8                | available(G1)→held(H1,G1) 8
         extend H1 4              | available(G1)→held(H1,G1) 2, owed→held(H1,borrowed) 2
         extend H1 0 ttl 3600     | nothing
         extend H1 4              | refused: 4 credits are needed and 0 are spendable
         balances                 | held 12, owed 2",
    );
}

#[test]
fn an_extension_of_time_counts_from_now() {
    check(
        "grant 10
         reserve 8 ttl 60
         at 50
         extend H1 0 ttl 60       | nothing
         at 109
         extend H1 1              | available(G1)→held(H1,G1) 1
         at 170
         sweep                    | [expire_hold @170: held(H1,G1)→available(G1) 8, held(H1,G1)→available(G1) 1]",
    );
}

#[test]
fn a_release_returns_the_borrowed_part_first() {
    check(
        "grant 10
         overdraft 20
         reserve 25
         release H1               | held(H1,borrowed)→owed 15, held(H1,G1)→available(G1) 10
         balances                 | available 10",
    );
}

#[test]
fn a_release_repays_what_was_left_owed() {
    check(
        "grant 50
         reserve 50
         deduct 20 record         | owed(#3)→spent 20
         release H1               | held(H1,G1)→available(G1) 50, available(G1)→owed(#3) 20
         balances                 | available 30",
    );
}

#[test]
fn a_hold_that_runs_out_returns_after_its_grace() {
    check(
        "grant 50
         reserve 20 ttl 60
         at 119
         sweep                    |
         at 200
         sweep                    | [expire_hold @120: held(H1,G1)→available(G1) 20]
         release H1               | accepted
         balances                 | available 50",
    );
}

#[test]
fn a_hold_that_runs_out_repays_what_was_left_owed() {
    check(
        "grant 50
         reserve 50 ttl 60
         deduct 20 record
         at 120
         sweep                    | [expire_hold @120: held(H1,G1)→available(G1) 50, available(G1)→owed(#3) 20]",
    );
}

#[test]
fn credits_in_a_hold_outlive_their_grant_and_expire_on_return() {
    check(
        "grant 50 until 60
         reserve 20 ttl 100
         at 61
         sweep                    | [expire_grant @60: available(G1)→expired(G1) 30]
         commit H1 5              | held(H1,G1)→spent(G1) 5, held(H1,G1)→expired(G1) 15
         totals                   | granted 50, spent 5, expired 45",
    );
    check(
        "grant 50 until 60
         reserve 50 ttl 100
         at 61
         sweep                    |
         at 160
         sweep                    | [expire_hold @160: held(H1,G1)→expired(G1) 50]",
    );
    check(
        "grant 50 until 60
         deduct 10 record
         reserve 40 ttl 100
         deduct 7 record          | owed(#4)→spent 7
         at 70
         release H1               | held(H1,G1)→expired(G1) 40
         balances                 | owed 7",
    );
}

#[test]
fn a_hold_of_nothing_is_a_hold() {
    check(
        "reserve 0                | nothing
         commit H1 3              | owed(#2)→spent 3",
    );
}
