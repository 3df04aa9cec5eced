//! A hold: credits reserved for an action in flight.

use std::time::Duration;

use chit_types::{Credits, Origin, Timestamp};

use super::grant::GrantId;

/// A hold's UUIDv7, whose last six bytes carry the number of the Reserve that made it, so that a closed
/// hold, whose row is gone, is still found by its transaction. Its public id adds the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub [u8; 16]);

impl HoldId {
    /// The id of a hold made by transaction `seq`, from a fresh UUIDv7.
    #[must_use]
    pub fn new(fresh: [u8; 16], seq: i64) -> Self {
        let mut bytes = fresh;
        bytes[10..].copy_from_slice(&seq.to_be_bytes()[2..]);
        Self(bytes)
    }

    /// The number of the Reserve that made it, if it is an id of ours.
    #[must_use]
    pub fn reserved_by(self) -> i64 {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0[10..]);
        i64::from_be_bytes(bytes)
    }
}

/// Where a hold stands. A closed hold has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HoldState {
    /// Holding.
    Open = 1,
    /// Ended by a Commit or a Release.
    Closed = 2,
    /// Ran out; one late final Commit may still come.
    Expired = 3,
}

/// What a hold has of one grant, in draw order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The grant.
    pub grant: GrantId,
    /// Still held.
    pub held: Credits,
    /// Committed from it by earlier parts.
    pub spent: Credits,
}

/// Credits reserved for an action in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose it is.
    pub origin: Origin,
    /// Where it stands.
    pub state: HoldState,
    /// Reserved in all, extensions included.
    pub amount: Credits,
    /// What it has of grants, in draw order.
    pub draws: Vec<Draw>,
    /// Held beyond the grants: as much is owed while it is open.
    pub borrowed: Credits,
    /// The cumulative total committed so far.
    pub committed: Credits,
    /// Of `committed`, what parts could not take under CAP: chargeable until the final part.
    pub uncharged: Credits,
    /// The numbers of the parts committed so far, oldest first, with what each spent beyond the hold.
    pub parts: Vec<i64>,
    /// The event type it was made for.
    pub event_type: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// How long after that a Commit is still normal.
    pub grace: Duration,
}

impl Hold {
    /// Everything it holds.
    #[must_use]
    pub fn held(&self) -> Credits {
        self.draws.iter().map(|draw| draw.held).sum::<Credits>() + self.borrowed
    }

    /// When its end is booked.
    #[must_use]
    pub fn due_at(&self) -> Timestamp {
        self.expires_at + self.grace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_id_carries_the_number_of_its_reserve() {
        let id = HoldId::new([0x7f; 16], 281_474_976_710_655);
        assert_eq!(id.reserved_by(), 281_474_976_710_655);
        assert_eq!(HoldId::new([0; 16], 1).reserved_by(), 1);
    }
}
