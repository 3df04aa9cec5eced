//! Rule 7: time decides. What falls due at one instant, and the edges of every instant.

use super::script::check;

#[test]
fn bookings_of_one_instant_come_in_one_order() {
    check(
        "grant 10 until 120
         grant 10 until 120
         grant 30 from 120
         deduct 1 record
         reserve 12 ttl 60        | available(G1)→held(H1,G1) 9, available(G2)→held(H1,G2) 3
         at 120
         sweep                    | [expire_grant @120: available(G2)→expired(G2) 7] [expire_hold @120: held(H1,G1)→expired(G1) 9, held(H1,G2)→expired(G2) 3] [activate @120: scheduled(G3)→available(G3) 30]",
    );
}

#[test]
fn bookings_of_several_instants_come_in_order_of_time() {
    check(
        "grant 10 from 100 until 200
         grant 10 until 150
         at 300
         deduct 1                 | [activate @100: scheduled(G1)→available(G1) 10] [expire_grant @150: available(G2)→expired(G2) 10] [expire_grant @200: available(G1)→expired(G1) 10] refused: 1 credits are needed and 0 are spendable",
    );
}

#[test]
fn a_commit_just_before_the_due_time_is_normal_and_at_it_late() {
    check(
        "grant 10
         reserve 4 ttl 60
         at 119
         commit H1 4              | held(H1,G1)→spent(G1) 4",
    );
    check(
        "grant 10
         reserve 4 ttl 60
         at 120
         commit H1 4              | [expire_hold @120: held(H1,G1)→available(G1) 4] available(G1)→spent(G1) 4; late",
    );
}

#[test]
fn a_late_commit_is_taken_for_thirty_four_days() {
    check(
        "grant 10
         reserve 4 ttl 60
         at 2937719
         commit H1 4              | [expire_hold @120: held(H1,G1)→available(G1) 4] available(G1)→spent(G1) 4; late",
    );
    check(
        "grant 10
         reserve 4 ttl 60
         at 2937720
         commit H1 4              | [expire_hold @120: held(H1,G1)→available(G1) 4] refused: the hold ran out at 2027-01-15T08:01:00Z; only a final commit may still settle it",
    );
}

#[test]
fn an_extension_is_refused_from_the_expiry_on() {
    check(
        "grant 10
         reserve 4 ttl 60
         at 59
         extend H1 1
         at 60
         extend H1 1              | refused: the hold ran out at 2027-01-15T08:01:00Z; only a final commit may still settle it
         extend H1 0 ttl 60       | refused: the hold ran out at 2027-01-15T08:01:00Z; only a final commit may still settle it
         at 130
         extend H1 1              | [expire_hold @120: held(H1,G1)→available(G1) 4, held(H1,G1)→available(G1) 1] refused: the hold ran out at 2027-01-15T08:01:00Z; only a final commit may still settle it",
    );
}

#[test]
fn a_hold_lives_a_day_at_most() {
    check(
        "grant 10
         reserve 1 ttl 86401      | refused: the hold's life would pass 86400 seconds
         reserve 1 ttl 86400
         at 60
         extend H1 1 ttl 86341    | refused: the hold's life would pass 86400 seconds
         extend H1 1 ttl 86340    | available(G1)→held(H1,G1) 1",
    );
}

#[test]
fn a_hold_lives_a_quarter_of_an_hour_unless_it_says_otherwise() {
    check(
        "grant 10
         reserve 4
         at 960
         sweep                    | [expire_hold @960: held(H1,G1)→available(G1) 4]",
    );
}

#[test]
fn what_is_due_stays_booked_when_the_operation_is_refused() {
    check(
        "grant 10 until 60
         at 90
         deduct 1                 | [expire_grant @60: available(G1)→expired(G1) 10] refused: 1 credits are needed and 0 are spendable
         totals                   | granted 10, expired 10",
    );
}

#[test]
fn credits_that_return_to_a_grant_expire_with_it_all_the_same() {
    check(
        "grant 10 until 100
         reserve 10 ttl 3600
         grant 5 until 50
         at 50
         sweep                    | [expire_grant @50: available(G2)→expired(G2) 5]
         at 60
         release H1               | held(H1,G1)→available(G1) 10
         at 200
         sweep                    | [expire_grant @100: available(G1)→expired(G1) 10]",
    );
    check(
        "grant 10 until 100
         deduct 10
         grant 5 until 50
         at 60
         reverse #2               | [expire_grant @50: available(G2)→expired(G2) 5] spent(G1)→available(G1) 10
         at 200
         deduct 1                 | [expire_grant @100: available(G1)→expired(G1) 10] refused: 1 credits are needed and 0 are spendable",
    );
}

#[test]
fn time_never_runs_backwards_in_a_wallet() {
    check(
        "at 100
         grant 10 until 150
         at 40
         deduct 1                 | available(G1)→spent(G1) 1
         grant 5 until 90         | refused: expires_at 2027-01-15T08:01:30Z is not after the grant's start and the present, 2027-01-15T08:01:40Z",
    );
}
