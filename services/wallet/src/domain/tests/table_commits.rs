//! COMMIT: every case of the table of postings.

use super::script::check;

#[test]
fn a_commit_spends_the_hold_and_returns_the_rest() {
    check(
        "grant 10
         grant 30
         reserve 25               | available(G1)→held(H1,G1) 10, available(G2)→held(H1,G2) 15
         commit H1 12             | held(H1,G1)→spent(G1) 10, held(H1,G2)→spent(G2) 2, held(H1,G2)→available(G2) 13
         balances                 | available 28",
    );
}

#[test]
fn the_borrowed_part_is_spent_last_and_becomes_a_lot() {
    check(
        "grant 10
         overdraft 20
         reserve 25
         commit H1 18             | held(H1,G1)→spent(G1) 10, held(H1,borrowed)→spent 8, held(H1,borrowed)→owed 7
         balances                 | owed 8
         grant 5                  | issued→available(G2) 5, available(G2)→owed(#3) 5",
    );
}

#[test]
fn a_grant_that_came_meanwhile_repays_the_borrowed_part_at_the_commit() {
    check(
        "overdraft 100
         reserve 80               | owed→held(H1,borrowed) 80
         grant 100                | issued→available(G1) 100
         balances                 | available 100, held 80, owed 80
         commit H1 70             | held(H1,borrowed)→spent 70, held(H1,borrowed)→owed 10, available(G1)→owed(#3) 70
         balances                 | available 30",
    );
}

#[test]
fn parts_charge_the_difference_and_return_nothing() {
    check(
        "grant 10
         reserve 10
         commit H1 3 part         | held(H1,G1)→spent(G1) 3
         commit H1 3 part         | nothing
         commit H1 8 part         | held(H1,G1)→spent(G1) 5
         commit H1 7 part         | refused: a total of 7 is below the 8 credits committed; only a final total may be lower
         commit H1 7              | spent(G1)→available(G1) 1, held(H1,G1)→available(G1) 2
         balances                 | available 3
         totals                   | granted 10, spent 7",
    );
}

#[test]
fn more_than_the_hold_is_recorded() {
    check(
        "grant 20
         reserve 10
         commit H1 26             | held(H1,G1)→spent(G1) 10, available(G1)→spent(G1) 10, owed(#3)→spent 6
         balances                 | owed 6",
    );
}

#[test]
fn more_than_the_hold_is_capped() {
    check(
        "grant 20
         reserve 10
         commit H1 26 cap         | held(H1,G1)→spent(G1) 10, available(G1)→spent(G1) 10; forgiven 6
         totals                   | granted 20, spent 20",
    );
}

#[test]
fn more_than_the_hold_is_rejected() {
    check(
        "grant 20
         reserve 10
         commit H1 26 reject      | refused: the total is 16 credits above the hold
         commit H1 10 reject      | held(H1,G1)→spent(G1) 10",
    );
}

#[test]
fn what_a_capped_part_left_out_stays_chargeable_until_the_final_one() {
    check(
        "grant 10
         reserve 10
         commit H1 16 part cap    | held(H1,G1)→spent(G1) 10
         commit H1 18 part cap    | nothing
         grant 5
         commit H1 20 cap         | available(G2)→spent(G2) 5; forgiven 5
         totals                   | granted 15, spent 15",
    );
    check(
        "grant 10
         reserve 10
         commit H1 16 part cap
         commit H1 16             | owed(#4)→spent 6",
    );
    check(
        "grant 10
         reserve 10
         commit H1 16 part cap
         commit H1 12 cap         | nothing; forgiven 2
         totals                   | granted 10, spent 10",
    );
    check(
        "grant 10
         reserve 10
         commit H1 16 part cap
         release H1               | nothing; forgiven 6",
    );
}

#[test]
fn a_final_total_below_what_was_committed_returns_the_newest_first() {
    check(
        "grant 10
         grant 10
         reserve 15
         commit H1 8 part         | held(H1,G1)→spent(G1) 8
         commit H1 20 part        | held(H1,G1)→spent(G1) 2, held(H1,G2)→spent(G2) 5, available(G2)→spent(G2) 5
         commit H1 5              | spent(G2)→available(G2) 5, spent(G2)→available(G2) 5, spent(G1)→available(G1) 2, spent(G1)→available(G1) 3
         balances                 | available 15",
    );
}

#[test]
fn a_final_total_below_gives_back_what_is_owed_before_what_was_drawn() {
    check(
        "grant 10
         reserve 10
         commit H1 16 part        | held(H1,G1)→spent(G1) 10, owed(#3)→spent 6
         commit H1 7              | spent→owed(#3) 6, spent(G1)→available(G1) 3",
    );
    check(
        "grant 10
         reserve 10
         commit H1 16 part
         grant 4                  | issued→available(G2) 4, available(G2)→owed(#3) 4
         commit H1 7              | spent→owed(#3) 2, spent(G2)→available(G2) 4, spent(G1)→available(G1) 3",
    );
}

#[test]
fn a_late_commit_takes_what_is_spendable_now_and_owes_the_rest() {
    check(
        "grant 10
         reserve 8 ttl 60
         at 130
         commit H1 6              | [expire_hold @120: held(H1,G1)→available(G1) 8] available(G1)→spent(G1) 6; late
         commit H1 6              | refused: the hold was committed or released before",
    );
    check(
        "grant 10
         reserve 8 ttl 60
         at 130
         deduct 7
         commit H1 8              | available(G1)→spent(G1) 3, owed(#5)→spent 5; late",
    );
}

#[test]
fn a_late_commit_above_the_amount_once_held_goes_by_its_mode() {
    let begin = "grant 10
         reserve 8 ttl 60
         at 130
         deduct 7\n";
    check(&format!(
        "{begin} commit H1 20 cap | available(G1)→spent(G1) 3, owed(#5)→spent 5; forgiven 12; late"
    ));
    check(&format!(
        "{begin} commit H1 20 | available(G1)→spent(G1) 3, owed(#5)→spent 5, owed(#5)→spent 12; late"
    ));
    check(&format!("{begin} commit H1 20 reject | refused: the total is 12 credits above the hold"));
}

#[test]
fn a_late_commit_counts_the_parts_before_it() {
    check(
        "grant 10
         reserve 8 ttl 60
         commit H1 5 part
         at 130
         commit H1 6 part         | [expire_hold @120: held(H1,G1)→available(G1) 3] refused: the hold ran out at 2027-01-15T08:01:00Z; only a final commit may still settle it
         commit H1 7              | available(G1)→spent(G1) 2; late
         totals                   | granted 10, spent 7",
    );
    check(
        "grant 10
         reserve 8 ttl 60
         commit H1 5 part
         at 130
         commit H1 4              | [expire_hold @120: held(H1,G1)→available(G1) 3] spent(G1)→available(G1) 1; late",
    );
}

#[test]
fn a_late_commit_does_not_revive_what_expired() {
    check(
        "grant 10 until 100
         reserve 8 ttl 60
         at 130
         commit H1 8              | [expire_grant @100: available(G1)→expired(G1) 2] [expire_hold @120: held(H1,G1)→expired(G1) 8] owed(#5)→spent 8; late",
    );
}

#[test]
fn a_claimed_part_is_spent_and_settled_as_the_revocation_said() {
    let begin = "grant 10
         reserve 10\n";
    let end = "commit H1 10 | held(H1,G1)→spent(G1) 10";
    check(&format!(
        "{begin} revoke G1 | nothing; claimed 10\n {end}; waived 10\n totals | granted 10, spent 10"
    ));
    check(&format!(
        "{begin} revoke G1 owe | nothing; claimed 10\n {end}, owed(#4)→revoked(G1) 10\n balances | owed 10"
    ));
    check(&format!(
        "{begin} grant 6\n revoke G1 others | nothing; claimed 10\n {end}, available(G2)→revoked(G2) 6, owed(#5)→revoked(G1) 4"
    ));
}

#[test]
fn a_claimed_part_that_is_not_spent_is_revoked_and_repays_nothing() {
    check(
        "grant 10
         reserve 10
         revoke G1 owe            | nothing; claimed 10
         deduct 2 record
         commit H1 4 part         | held(H1,G1)→spent(G1) 4, owed(#5)→revoked(G1) 4
         commit H1 4              | held(H1,G1)→revoked(G1) 6
         balances                 | owed 6
         totals                   | granted 10, spent 6, revoked 10",
    );
}
