//! Numbers that are baked into hashes and the public contract. They are never renumbered.

macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $number:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $number,)+ }

        impl $name {
            /// Every value, in order of its number.
            pub const ALL: &[$name] = &[$($name::$variant,)+];

            /// The number used in hashes, protos and SQL.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The value with this number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some($name::$variant),)+ _ => None }
            }

            /// The lower-case word used in SQL and on the command line.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The value with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

numbered! {
    /// What a transaction did.
    TransactionKind {
        /// Credits put in.
        Grant = 1 "grant",
        /// A scheduled grant became effective.
        Activate = 2 "activate",
        /// What was left of a grant expired.
        ExpireGrant = 3 "expire_grant",
        /// Credits taken back from a grant.
        Revoke = 4 "revoke",
        /// A grant frozen by a dispute.
        Freeze = 5 "freeze",
        /// A frozen grant freed.
        Unfreeze = 6 "unfreeze",
        /// An allowance renewed for its next period.
        Renew = 7 "renew",
        /// Credits held for an action in flight.
        Reserve = 8 "reserve",
        /// A hold lengthened or enlarged.
        Extend = 9 "extend",
        /// A hold settled, in part or finally.
        Commit = 10 "commit",
        /// A hold given back.
        Release = 11 "release",
        /// A hold that ran out.
        ExpireHold = 12 "expire_hold",
        /// Credits spent at once.
        Deduct = 13 "deduct",
        /// An operator's correction.
        Adjust = 14 "adjust",
        /// Owed credits forgiven.
        WriteOff = 15 "write_off",
        /// A deduction or commit undone.
        Reverse = 16 "reverse",
        /// Credits sent to another wallet.
        TransferOut = 17 "transfer_out",
        /// Credits received from another wallet.
        TransferIn = 18 "transfer_in",
        /// Credits leaving a unit that is redenominated.
        ConvertOut = 19 "convert_out",
        /// Credits arriving in the new unit.
        ConvertIn = 20 "convert_in",
        /// A wallet closed.
        Close = 21 "close",
    }
}

numbered! {
    /// An account of a wallet; a posting moves credits from one to another.
    Account {
        /// The world outside: credits come from here.
        Issued = 1 "issued",
        /// Free to spend.
        Available = 2 "available",
        /// Granted, not yet effective.
        Scheduled = 3 "scheduled",
        /// Set aside by an open dispute.
        Frozen = 4 "frozen",
        /// Reserved for actions in flight.
        Held = 5 "held",
        /// The wallet's liability: used or reserved beyond its grants.
        Owed = 6 "owed",
        /// Spent.
        Spent = 7 "spent",
        /// Expired.
        Expired = 8 "expired",
        /// Revoked.
        Revoked = 9 "revoked",
    }
}

numbered! {
    /// Who asked for a wallet operation; taken from the caller's scopes, never from the request.
    Origin {
        /// A client of the tenant.
        Client = 1 "client",
        /// The metering service.
        Metering = 2 "metering",
        /// The payments service.
        Payments = 3 "payments",
        /// The wallet itself: bookings of what is due.
        System = 4 "system",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_round_trip() {
        for kind in TransactionKind::ALL {
            assert_eq!(TransactionKind::from_number(kind.number()), Some(*kind));
            assert_eq!(TransactionKind::from_word(kind.word()), Some(*kind));
        }
        for account in Account::ALL {
            assert_eq!(Account::from_number(account.number()), Some(*account));
        }
        assert_eq!(Origin::from_number(0), None);
    }
}
