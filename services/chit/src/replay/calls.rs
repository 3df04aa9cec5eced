//! An action as the calls a product makes for it, and what their answers say.

use std::collections::BTreeMap;

use chit_api::metering::v1::meter_item::Item;
use chit_api::metering::v1::meter_item_result::Result as Answer;
use chit_api::metering::v1::{
    AuthorizeRequest, MeterEventRequest, MeterItem, MeterItemResult, Receipt, SettleRequest, UsageEvent,
};
use chit_api::types::v1::{ErrorReason, Tokens};
use chit_rpc::{Refused, timestamp_to_proto};
use chit_types::Credits;
use tonic::Code;

use crate::output::amount;
use crate::replay::assign::Action;
use crate::replay::patience::may_pass;

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was charged, now or in an earlier run.
    Settled {
        /// What this answer charged or repeats.
        credits: Credits,
        /// It had been before.
        replayed: bool,
    },
    /// A rule said no.
    Refused {
        /// The reason as `ErrorInfo` spells it.
        reason: &'static str,
    },
}

/// What an answer asks of the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The action is over.
    Done(Done),
    /// It says nothing about the action: send it again.
    Again(Refused),
    /// The replay cannot go on.
    Fault(Refused),
}

/// Says what happened, as one item of a batch or stream.
pub fn event(action: &Action, customer: &str) -> MeterItem {
    let event = UsageEvent {
        customer_id: customer.to_owned(),
        event_id: action.event_id.clone(),
        event_type: action.event_type.to_owned(),
        occurred_at: Some(timestamp_to_proto(action.occurred_at)),
        dimensions: dimensions(action),
        tokens: Some(tokens(action, action.output_tokens)),
        ..UsageEvent::default()
    };
    let request = MeterEventRequest { event: Some(event), ..MeterEventRequest::default() };
    MeterItem { item: Some(Item::Event(request)) }
}

/// Asks whether the action may start, by its prompt and the longest answer allowed.
pub fn authorize(action: &Action, customer: &str) -> AuthorizeRequest {
    AuthorizeRequest {
        customer_id: customer.to_owned(),
        event_id: action.event_id.clone(),
        event_type: action.event_type.to_owned(),
        dimensions: dimensions(action),
        tokens: Some(tokens(action, action.allowed_output_tokens)),
        ..AuthorizeRequest::default()
    }
}

/// Settles by the recorded tokens; each part by the share of the answer that was out by then.
pub fn settle(action: &Action, customer: &str, part: u32, parts: u32) -> SettleRequest {
    let output = action.output_tokens * i64::from(part) / i64::from(parts);
    SettleRequest {
        customer_id: customer.to_owned(),
        event_id: action.event_id.clone(),
        part: if parts == 1 { 0 } else { i32::try_from(part).unwrap_or(i32::MAX) },
        keep_open: part < parts,
        tokens: Some(tokens(action, output)),
        ..SettleRequest::default()
    }
}

/// What a receipt says.
pub fn settled(receipt: &Receipt) -> Done {
    Done::Settled { credits: amount(receipt.credits_total.as_ref()), replayed: receipt.replayed }
}

/// What the answer to one item says.
pub fn verdict(result: &MeterItemResult) -> Verdict {
    match &result.result {
        Some(Answer::Receipt(receipt)) => Verdict::Done(settled(receipt)),
        Some(Answer::Error(error)) => refusal(Refused::of_item(error)),
        None => Verdict::Again(Refused::of(&tonic::Status::unknown("the answer says nothing"))),
    }
}

/// What a failure says.
pub fn refusal(refused: Refused) -> Verdict {
    let rules = [Code::FailedPrecondition, Code::NotFound, Code::AlreadyExists, Code::InvalidArgument];
    if may_pass(&refused) {
        Verdict::Again(refused)
    } else if rules.contains(&refused.code) && refused.reason != ErrorReason::Unspecified {
        Verdict::Done(Done::Refused { reason: refused.reason_word() })
    } else {
        Verdict::Fault(refused)
    }
}

fn dimensions(action: &Action) -> BTreeMap<String, String> {
    let feature = action.event_type.split('.').next().unwrap_or_default();
    [("model", action.model), ("feature", feature)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn tokens(action: &Action, output: i64) -> Tokens {
    Tokens { input: action.input_tokens, output, ..Tokens::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::assign::Path;
    use chit_rpc::{refuse, status_to_proto};
    use chit_types::Timestamp;

    fn action() -> Action {
        Action {
            event_id: "e".to_owned(),
            customer: 0,
            event_type: "chat.reply",
            model: "m",
            path: Path::Stream,
            occurred_at: Timestamp::EPOCH,
            input_tokens: 10,
            output_tokens: 100,
            allowed_output_tokens: 256,
        }
    }

    #[test]
    fn parts_are_cumulative_and_the_last_one_closes() {
        let parts: Vec<_> = (1..=3).map(|part| settle(&action(), "c", part, 3)).collect();
        let outputs: Vec<_> = parts.iter().map(|part| part.tokens.as_ref().unwrap().output).collect();
        assert_eq!(outputs, [33, 66, 100]);
        assert_eq!(
            parts.iter().map(|part| (part.part, part.keep_open)).collect::<Vec<_>>(),
            [(1, true), (2, true), (3, false)]
        );
        let only = settle(&action(), "c", 1, 1);
        assert_eq!((only.part, only.keep_open, only.tokens.unwrap().output), (0, false, 100));
    }

    #[test]
    fn answers_end_an_action_repeat_it_or_stop_the_replay() {
        let item =
            |status: tonic::Status| MeterItemResult { result: Some(Answer::Error(status_to_proto(&status))) };
        let no = refuse(ErrorReason::InsufficientCredits, "no").status();
        assert_eq!(verdict(&item(no)), Verdict::Done(Done::Refused { reason: "INSUFFICIENT_CREDITS" }));
        let full = refuse(ErrorReason::Overloaded, "full").status();
        assert!(matches!(verdict(&item(full)), Verdict::Again(_)));
        let fault = refuse(ErrorReason::Internal, "ours").status();
        assert!(matches!(verdict(&item(fault)), Verdict::Fault(_)));
        assert!(matches!(refusal(Refused::of(&tonic::Status::unimplemented("x"))), Verdict::Fault(_)));
        let receipt = Receipt { replayed: true, ..Receipt::default() };
        let result = MeterItemResult { result: Some(Answer::Receipt(receipt)) };
        assert_eq!(verdict(&result), Verdict::Done(Done::Settled { credits: Credits::ZERO, replayed: true }));
    }
}
