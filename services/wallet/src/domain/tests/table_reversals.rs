//! REVERSE: every case of the table of postings.

use super::script::check;

#[test]
fn unpaid_owed_credits_are_undone_first() {
    check(
        "grant 4
         deduct 10 record
         reverse #2 7             | spent→owed(#2) 6, spent(G1)→available(G1) 1
         reverse #2               | spent(G1)→available(G1) 3
         reverse #2               | refused: 0 credits cannot be reversed: 10 of 10 are reversed already
         totals                   | granted 4",
    );
}

#[test]
fn repayments_are_undone_newest_first_then_draws() {
    check(
        "grant 4
         deduct 10 record
         grant 2                  | issued→available(G2) 2, available(G2)→owed(#2) 2
         grant 3                  | issued→available(G3) 3, available(G3)→owed(#2) 3
         reverse #2 5             | spent→owed(#2) 1, spent(G3)→available(G3) 3, spent(G2)→available(G2) 1
         reverse #2               | spent(G2)→available(G2) 1, spent(G1)→available(G1) 4
         balances                 | available 9",
    );
}

#[test]
fn draws_are_undone_newest_first() {
    check(
        "grant 4
         grant 4
         deduct 7
         reverse #3 4             | spent(G2)→available(G2) 3, spent(G1)→available(G1) 1
         reverse #3 4             | refused: 4 credits cannot be reversed: 4 of 7 are reversed already",
    );
}

#[test]
fn what_returns_repays_what_is_owed_elsewhere() {
    check(
        "grant 10
         deduct 10
         deduct 4 record
         reverse #2               | spent(G1)→available(G1) 10, available(G1)→owed(#3) 4",
    );
}

#[test]
fn credits_due_to_an_expired_grant_are_granted_again_for_seven_days() {
    check(
        "grant 10 until 60 for chat basis 5
         deduct 10 for chat
         at 100
         reverse #2 6             | spent(G1)→available(G2) 6
         deduct 1                 | refused: 1 credits are needed and 0 are spendable
         deduct 1 for chat        | available(G2)→spent(G2) 1
         at 604900
         sweep                    | [expire_grant @604900: available(G2)→expired(G2) 5]",
    );
}

#[test]
fn a_restricted_grant_given_again_repays_nothing() {
    check(
        "grant 10 until 60 for chat
         deduct 10 for chat
         deduct 3 record for image
         at 100
         reverse #2               | spent(G1)→available(G2) 10
         balances                 | available 10, owed 3",
    );
}

#[test]
fn one_expired_grant_is_granted_again_once_for_all_that_returns() {
    check(
        "grant 10 until 60
         deduct 14 record         | available(G1)→spent(G1) 10, owed(#2)→spent 4
         at 30
         grant 4 until 60         | issued→available(G2) 4, available(G2)→owed(#2) 4
         at 60
         reverse #2               | spent(G2)→available(G4) 4, spent(G1)→available(G3) 10",
    );
}

#[test]
fn or_they_expire_by_setting() {
    check(
        "expired_reversal
         grant 10 until 60
         deduct 6
         at 60
         reverse #2               | [expire_grant @60: available(G1)→expired(G1) 4] spent(G1)→expired(G1) 6
         totals                   | granted 10, expired 10",
    );
}

#[test]
fn credits_due_to_a_revoked_grant_are_revoked() {
    check(
        "grant 10
         deduct 6
         revoke G1                | available(G1)→revoked(G1) 4; waived 6
         reverse #2               | spent(G1)→revoked(G1) 6
         totals                   | granted 10, revoked 10",
    );
}

#[test]
fn a_revocation_settled_elsewhere_is_not_taken_twice() {
    check(
        "grant 10
         deduct 6
         revoke G1 owe            | available(G1)→revoked(G1) 4, owed(#3)→revoked(G1) 6
         reverse #2               | spent(G1)→available(G2) 6, available(G2)→owed(#3) 6
         balances                 |
         totals                   | granted 10, revoked 10",
    );
    check(
        "grant 10
         deduct 6
         grant 20
         revoke G1 others         | available(G1)→revoked(G1) 4, available(G2)→revoked(G2) 6
         reverse #2               | spent(G1)→available(G3) 6
         totals                   | granted 30, revoked 10
         balances                 | available 20",
    );
    check(
        "grant 10
         reserve 10
         grant 20
         revoke G1 others         | nothing; claimed 10
         commit H1 6              | held(H1,G1)→spent(G1) 6, available(G2)→revoked(G2) 6, held(H1,G1)→revoked(G1) 4
         reverse #5               | spent(G1)→available(G3) 6
         balances                 | available 20",
    );
}

#[test]
fn what_was_written_off_is_revoked() {
    check(
        "deduct 10 record
         write_off 4              | issued→owed(#1) 4
         grant 3
         reverse #1 9             | spent→owed(#1) 3, spent(G1)→available(G1) 3, spent→revoked 3
         reverse #1               | spent→revoked 1
         totals                   | granted 7, revoked 4",
    );
}

#[test]
fn a_repayment_straight_from_issued_returns_to_its_grant() {
    check(
        "deduct 10 record
         grant 10 only            | issued→owed(#1) 10
         reverse #1               | spent(G1)→available(G1) 10",
    );
}

#[test]
fn a_part_reversed_while_its_hold_is_open_never_returns_into_it() {
    check(
        "grant 100
         reserve 80
         commit H1 50 part
         reverse #3 30            | spent(G1)→available(G1) 30
         commit H1 70 part        | held(H1,G1)→spent(G1) 20
         commit H1 60             | spent(G1)→available(G1) 10, held(H1,G1)→available(G1) 10
         totals                   | granted 100, spent 30",
    );
}

#[test]
fn a_final_total_below_lowers_only_what_was_not_reversed() {
    check(
        "grant 100
         reserve 80
         commit H1 50 part
         reverse #3 40
         commit H1 20             | spent(G1)→available(G1) 10, held(H1,G1)→available(G1) 30
         totals                   | granted 100",
    );
}

#[test]
fn a_part_that_a_final_total_lowered_is_reversed_only_for_the_rest() {
    check(
        "grant 100
         reserve 80
         commit H1 50 part
         commit H1 20             | spent(G1)→available(G1) 30, held(H1,G1)→available(G1) 30
         reverse #3 21            | refused: 21 credits cannot be reversed: 30 of 50 are reversed already
         reverse #3               | spent(G1)→available(G1) 20
         reverse #4               | nothing",
    );
}

#[test]
fn only_charges_are_reversed() {
    check(
        "grant 10
         reverse #1               | refused: a grant cannot be reversed; only a deduct or commit can
         reverse #9               | refused: there is no transaction 9 in this wallet
         deduct 0
         reverse #2               | nothing",
    );
}
