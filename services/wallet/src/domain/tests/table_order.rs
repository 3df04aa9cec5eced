//! Rule 6: the order of spending, each tie broken in turn.

use super::script::check;

/// Two grants, the second of which is spent first.
fn second_goes_first(first: &str, second: &str) {
    check(&format!(
        "grant 10 {first}
         grant 10 {second}
         deduct 15 record for chat | available(G2)→spent(G2) 10, available(G1)→spent(G1) 5"
    ));
}

#[test]
fn lower_priority_numbers_go_first() {
    second_goes_first("priority 11 for chat until 50 basis 0", "priority 10 basis 9");
}

#[test]
fn restricted_goes_before_general() {
    second_goes_first("until 50", "for chat");
}

#[test]
fn sooner_expiry_goes_first_and_never_last() {
    second_goes_first("until 51 basis 0", "until 50 basis 9");
    second_goes_first("basis 0", "until 50 basis 9");
}

#[test]
fn free_credits_go_before_paid_ones() {
    second_goes_first("until 50 basis 1", "until 50 basis 0");
}

#[test]
fn earlier_effective_time_goes_first_then_the_id() {
    check(
        "at 20
         grant 10 from 20
         grant 10 from 10
         grant 10 from 10
         deduct 25                | available(G2)→spent(G2) 10, available(G3)→spent(G3) 10, available(G1)→spent(G1) 5",
    );
}

#[test]
fn without_an_event_type_only_general_grants_count() {
    check(
        "grant 10 for chat,image
         grant 5
         spendable chat           | 15
         spendable image          | 15
         spendable audio          | 5
         deduct 6                 | refused: 6 credits are needed and 5 are spendable
         deduct 6 for audio       | refused: 6 credits are needed and 5 are spendable
         deduct 6 for image       | available(G1)→spent(G1) 6
         balances                 | available 9",
    );
}
