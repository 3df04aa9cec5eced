//! Events and signals as messages.

use chit_api::wallet::v1 as proto;
use chit_rpc::credits_to_proto;
use chit_types::Shard;

use super::transaction::transaction_to_proto;
use crate::domain::Signal;
use crate::domain::outcome::Direction;
use crate::engine::Event;

/// An event of a wallet in `shard`.
pub fn event_to_proto(shard: Shard, event: Event) -> proto::WalletEvent {
    let transactions = event.transactions.iter();
    proto::WalletEvent {
        transactions: transactions.map(|one| transaction_to_proto(shard, one)).collect(),
        customer_id: event.customer,
        unit: event.unit,
        first_transaction: event.first,
        last_transaction: event.last,
        signals: event.signals.into_iter().map(signal_to_proto).collect(),
    }
}

fn signal_to_proto(signal: Signal) -> proto::Signal {
    let signal = match signal {
        Signal::ThresholdCrossed { level, direction, balance, seq } => {
            proto::signal::Signal::ThresholdCrossed(proto::ThresholdCrossed {
                level: Some(credits_to_proto(level)),
                downwards: direction == Direction::Down,
                balance: Some(credits_to_proto(balance)),
                transaction: seq,
            })
        }
        Signal::CreditsRefused { required, spendable, event_type } => {
            proto::signal::Signal::CreditsRefused(proto::CreditsRefused {
                required: Some(credits_to_proto(required)),
                spendable: Some(credits_to_proto(spendable)),
                event_type,
            })
        }
    };
    proto::Signal { signal: Some(signal) }
}
