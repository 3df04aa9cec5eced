//! GRANT, ACTIVATE, EXPIRE_GRANT and RENEW: every case of the table of postings.

use super::script::check;

#[test]
fn a_grant_goes_to_available_and_repays_what_is_owed_first() {
    check(
        "grant 100                | issued→available(G1) 100
         deduct 130 record        | available(G1)→spent(G1) 100, owed(#2)→spent 30
         deduct 5 record          | owed(#3)→spent 5
         grant 50                 | issued→available(G2) 50, available(G2)→owed(#2) 30, available(G2)→owed(#3) 5
         balances                 | available 15
         totals                   | granted 150, spent 135",
    );
}

#[test]
fn a_grant_too_small_repays_the_oldest_lot() {
    check(
        "deduct 10 record         | owed(#1)→spent 10
         deduct 20 record         | owed(#2)→spent 20
         grant 12                 | issued→available(G1) 12, available(G1)→owed(#1) 10, available(G1)→owed(#2) 2
         balances                 | owed 18",
    );
}

#[test]
fn a_grant_for_later_is_scheduled_and_repays_when_it_becomes_effective() {
    check(
        "deduct 30 record         | owed(#1)→spent 30
         grant 100 from 60        | issued→scheduled(G1) 100
         balances                 | scheduled 100, owed 30
         at 59
         sweep                    |
         at 60
         sweep                    | [activate @60: scheduled(G1)→available(G1) 100, available(G1)→owed(#1) 30]",
    );
}

#[test]
fn a_scheduled_grant_that_only_repays_does_so_at_its_activation() {
    check(
        "grant 100 from 60 only   | issued→scheduled(G1) 100
         deduct 30 record         | owed(#2)→spent 30
         at 60
         sweep                    | [activate @60: scheduled(G1)→available(G1) 100, available(G1)→owed(#2) 30]
         balances                 | available 70",
    );
}

#[test]
fn a_grant_that_only_repays_goes_straight_from_issued_to_owed() {
    check(
        "deduct 30 record         | owed(#1)→spent 30
         deduct 10 record         | owed(#2)→spent 10
         grant 35 only            | issued→owed(#1) 30, issued→owed(#2) 5
         grant 20 only            | issued→owed(#2) 5, issued→available(G2) 15
         deduct 3 record          | available(G2)→spent(G2) 3
         totals                   | granted 55, spent 43",
    );
}

#[test]
fn a_grant_that_never_repays_leaves_the_debt() {
    check(
        "deduct 30 record
         grant 100 never          | issued→available(G1) 100
         grant 40 for chat        | issued→available(G2) 40
         balances                 | available 140, owed 30",
    );
}

#[test]
fn an_expiry_takes_the_rest_at_its_instant() {
    check(
        "grant 100 until 60
         deduct 40
         at 59
         sweep                    |
         at 61
         sweep                    | [expire_grant @60: available(G1)→expired(G1) 60]
         totals                   | granted 100, spent 40, expired 60",
    );
}

#[test]
fn an_expiry_is_exclusive() {
    check(
        "grant 10 until 60
         at 60
         deduct 1                 | [expire_grant @60: available(G1)→expired(G1) 10] refused: 1 credits are needed and 0 are spendable",
    );
}

#[test]
fn an_allowance_expires_a_day_after_its_period() {
    check(
        "grant 10 allowance period 1000
         at 87399
         sweep                    |
         at 87400
         sweep                    | [expire_grant @87400: available(G1)→expired(G1) 10]",
    );
}

#[test]
fn a_grant_that_would_be_gone_at_once_is_refused() {
    check(
        "at 60
         grant 10 until 60        | refused: expires_at 2027-01-15T08:01:00Z is not after the grant's start and the present, 2027-01-15T08:01:00Z
         grant 10 from 100 until 100 | refused: expires_at 2027-01-15T08:01:40Z is not after the grant's start and the present, 2027-01-15T08:01:40Z",
    );
}

#[test]
fn a_renewal_rolls_up_to_the_cap_and_expires_what_is_above() {
    check(
        "grant 1000 allowance period 1000 priority 50 basis 7
         deduct 700
         at 1000
         renew G1 1000 period 2000 cap 200 | available(G1)→available(G2) 200, available(G1)→expired(G1) 100, issued→available(G3) 1000
         deduct 250               | available(G2)→spent(G2) 200, available(G3)→spent(G3) 50
         totals                   | granted 2000, spent 950, expired 100",
    );
}

#[test]
fn a_renewal_without_a_cap_rolls_nothing() {
    check(
        "grant 100 allowance period 1000
         renew G1 100 period 2000 | available(G1)→expired(G1) 100, issued→available(G2) 100",
    );
}

#[test]
fn a_new_allowance_repays_what_is_owed() {
    check(
        "grant 100 allowance period 1000
         deduct 130 record
         renew G1 50 period 2000 cap 100 | issued→available(G2) 50, available(G2)→owed(#2) 30",
    );
}

#[test]
fn what_an_allowance_that_never_repays_rolls_over_never_repays() {
    check(
        "deduct 30 record
         grant 100 allowance never period 1000
         renew G1 10 period 2000 cap 80 | available(G1)→available(G2) 80, available(G1)→expired(G1) 20, issued→available(G3) 10, available(G3)→owed(#1) 10
         balances                 | available 80, owed 20",
    );
}

#[test]
fn rolled_credits_roll_once_unless_the_plan_says_otherwise() {
    let begin = "grant 100 allowance period 1000
         at 1000
         renew G1 100 period 2000 cap 30 | available(G1)→available(G2) 30, available(G1)→expired(G1) 70, issued→available(G3) 100
         at 2000\n";
    check(&format!(
        "{begin} renew G3 100 period 3000 cap 120 | available(G3)→available(G4) 100, available(G2)→expired(G2) 30, issued→available(G5) 100"
    ));
    check(&format!(
        "{begin} renew G3 100 period 3000 cap 120 again | available(G2)→available(G4) 30, available(G3)→available(G4) 90, available(G3)→expired(G3) 10, issued→available(G5) 100"
    ));
}

#[test]
fn what_a_hold_has_of_the_old_allowance_stays_with_it() {
    check(
        "grant 100 allowance period 1000
         reserve 40               | available(G1)→held(H1,G1) 40
         at 10
         renew G1 100 period 2000 cap 10 | available(G1)→available(G2) 10, available(G1)→expired(G1) 50, issued→available(G3) 100
         commit H1 15             | held(H1,G1)→spent(G1) 15, held(H1,G1)→available(G1) 25
         deduct 30                | available(G2)→spent(G2) 10, available(G1)→spent(G1) 20
         at 90000
         sweep                    | [expire_grant @87400: available(G1)→expired(G1) 5] [expire_grant @88400: available(G3)→expired(G3) 100]",
    );
}

#[test]
fn a_period_is_renewed_once() {
    check(
        "grant 100 allowance period 1000
         renew G1 100 period 2000
         renew G1 100 period 2000 | refused: the grant was renewed before, under another key
         renew G? 100 period 2000 | refused: there is no such grant in this wallet
         revoke G2
         renew G2 100 period 3000 | refused: the grant is closed",
    );
}

#[test]
fn an_allowance_that_expired_rolls_nothing_but_is_renewed() {
    check(
        "grant 100 allowance period 1000
         at 90000
         renew G1 100 period 100000 cap 50 | [expire_grant @87400: available(G1)→expired(G1) 100] issued→available(G2) 100",
    );
}
