//! REVOKE: every case of the table of postings.

use super::script::check;

#[test]
fn an_amount_is_taken_from_the_rest() {
    check(
        "grant 10
         deduct 4
         revoke G1 5              | available(G1)→revoked(G1) 5
         revoke G1 2              | refused: 2 credits cannot be taken from a rest of 1
         grant 8 from 100
         revoke G2 3              | scheduled(G2)→revoked(G2) 3
         at 100
         sweep                    | [activate @100: scheduled(G2)→available(G2) 5]
         revoke G? 1              | refused: there is no such grant in this wallet",
    );
}

#[test]
fn a_whole_revocation_closes_the_grant() {
    check(
        "grant 10
         deduct 4
         revoke G1                | available(G1)→revoked(G1) 6; waived 4
         revoke G1                | refused: the grant is closed
         totals                   | granted 10, spent 4, revoked 6",
    );
}

#[test]
fn a_held_part_becomes_a_claim_without_posting() {
    check(
        "grant 10
         reserve 7
         revoke G1                | available(G1)→revoked(G1) 3; claimed 7
         release H1               | held(H1,G1)→revoked(G1) 7",
    );
    check(
        "grant 10
         reserve 7 ttl 60
         revoke G1 owe
         at 120
         sweep                    | [expire_hold @120: held(H1,G1)→revoked(G1) 7]
         totals                   | granted 10, revoked 10",
    );
}

#[test]
fn what_was_spent_is_waived_owed_or_taken_from_other_purchased_grants() {
    let begin = "grant 10\n deduct 8\n";
    check(&format!("{begin} revoke G1 | available(G1)→revoked(G1) 2; waived 8"));
    check(&format!(
        "{begin} revoke G1 owe | available(G1)→revoked(G1) 2, owed(#3)→revoked(G1) 8\n balances | owed 8"
    ));
    check(&format!(
        "{begin} grant 20 gift\n grant 5\n revoke G1 others |
         available(G1)→revoked(G1) 2, available(G3)→revoked(G3) 5, owed(#5)→revoked(G1) 3, available(G2)→owed(#5) 3"
    ).replace("|\n", "|"));
}

#[test]
fn a_revocation_that_is_owed_is_repaid_at_once() {
    check(
        "grant 10
         deduct 8
         grant 20 gift
         revoke G1 owe            | available(G1)→revoked(G1) 2, owed(#4)→revoked(G1) 8, available(G2)→owed(#4) 8
         balances                 | available 12",
    );
}

#[test]
fn what_an_expired_grant_gave_may_still_be_claimed() {
    check(
        "grant 10 until 60
         deduct 7
         at 60
         revoke G1 1              | [expire_grant @60: available(G1)→expired(G1) 3] refused: the grant is closed
         revoke G1 owe            | owed(#4)→revoked(G1) 7
         totals                   | granted 10, spent 7, expired 3, revoked 7",
    );
}

#[test]
fn what_expired_on_its_return_is_not_claimed() {
    check(
        "expired_reversal
         grant 10 until 60
         deduct 10
         at 60
         reverse #2 4             | spent(G1)→expired(G1) 4
         revoke G1 owe            | owed(#4)→revoked(G1) 6",
    );
}
