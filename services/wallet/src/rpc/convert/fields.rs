//! What every mutation has: a wallet's name, a key, and what it says about itself.

use chit_api::types::v1::ErrorReason;
use chit_api::wallet::v1 as proto;
use chit_rpc::{Caller, Violations, refuse};
use chit_types::{IdError, IdKind, PublicId, Shard, ShardCount, TransactionKind, key_hash, shard_of};
use tonic::Status;

use crate::domain::encoding::fingerprint;
use crate::domain::settings::DEFAULT_UNIT;
use crate::domain::{Details, Envelope, GrantId, HoldId, Operation};

/// Around a request: who calls, and what its fields are read against.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The installation's shards.
    pub shards: ShardCount,
    /// The tenant's reporting currency.
    pub currency: &'a str,
}

/// A mutation, ready to be submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The customer.
    pub customer: String,
    /// The unit.
    pub unit: String,
    /// Where the wallet lives.
    pub shard: Shard,
    /// The idempotency key as sent, for an answer that names it.
    pub key: String,
    /// What is asked.
    pub envelope: Box<Envelope>,
}

/// The fields that every mutation has.
#[derive(Debug, Default)]
pub struct Names {
    /// The customer.
    pub customer: String,
    /// The unit; empty for the default.
    pub unit: String,
    /// The idempotency key.
    pub key: String,
    /// What it says about itself.
    pub details: Option<proto::OperationDetails>,
}

/// A request that changes a wallet under an idempotency key.
pub trait Mutation: Sized {
    /// What its transaction does; part of the key's name space.
    const KIND: TransactionKind;
    /// Whether the event type it states means anything. A grant has none, and what concerns a hold has
    /// the hold's.
    const EVENT_TYPE: EventTypeUse = EventTypeUse::Stated;

    /// Whether it tells money: then it is read against the tenant's reporting currency.
    fn names_money(&self) -> bool {
        false
    }
    /// Takes the common fields out.
    fn names(&mut self) -> Names;
    /// Reads the rest.
    fn operation(self, fields: &mut Fields<'_>) -> Operation;
}

/// Whose event type an operation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTypeUse {
    /// The one it states.
    Stated,
    /// None, or its hold's.
    Ignored,
}

/// The fields of one request, read against its call.
pub struct Fields<'a> {
    /// Faults found so far.
    pub faults: Violations,
    /// The tenant's reporting currency.
    pub currency: &'a str,
    shard: Shard,
    missing: Option<Status>,
}

/// Reads a mutation, every field of it. Fails with INVALID_ARGUMENT and all its violations, or with
/// NOT_FOUND where it names a grant or hold that cannot be this customer's.
pub fn ask<M: Mutation>(mut request: M, call: &Call<'_>) -> Result<Asked, Status> {
    let names = request.names();
    let caller = call.caller;
    let mut fields = Fields {
        faults: Violations::new(),
        currency: call.currency,
        shard: shard_of(&caller.tenant, shown(&names.customer), call.shards),
        missing: None,
    };
    fields.faults.key("customer_id", &names.customer);
    fields.faults.unit("unit", &names.unit);
    let operation = request.operation(&mut fields);
    fields.faults.key("idempotency_key", &names.key);
    let mut details = details_from_proto(&mut fields.faults, names.details);
    let Fields { faults, shard, missing, .. } = fields;
    faults.finish()?;
    if let Some(status) = missing {
        return Err(status);
    }
    if M::EVENT_TYPE == EventTypeUse::Ignored {
        details.event_type = String::new();
    }
    let envelope = Envelope {
        origin: caller.origin,
        may_override: caller.scopes.grants("wallet.override"),
        key: key_hash(caller.origin, M::KIND, &names.key, 0),
        fingerprint: fingerprint(&operation, &details.event_type),
        details,
        operation,
    };
    Ok(Asked {
        customer: names.customer,
        unit: unit_or_default(names.unit),
        shard,
        key: names.key,
        envelope: Box::new(envelope),
    })
}

impl Fields<'_> {
    /// The hold that `text` names.
    pub fn hold(&mut self, text: &str) -> HoldId {
        HoldId(self.id(IdKind::Hold, "hold_id", text))
    }

    /// The grant that `text` names.
    pub fn grant(&mut self, text: &str) -> GrantId {
        GrantId(self.id(IdKind::Grant, "grant_id", text))
    }

    fn id(&mut self, kind: IdKind, field: &str, text: &str) -> [u8; 16] {
        if text.is_empty() {
            self.faults.field(field, "is missing");
            return [0; 16];
        }
        match PublicId::parse(kind, text) {
            Ok(id) => {
                if id.shard != self.shard {
                    self.missing = Some(not_found(kind, &id));
                }
                id.uuid
            }
            Err(fault @ (IdError::Prefix(_) | IdError::Malformed)) => {
                self.faults.field(field, fault.to_string());
                [0; 16]
            }
        }
    }
}

/// An id of another shard is another customer's: there is no such thing in this wallet.
fn not_found(kind: IdKind, id: &PublicId) -> Status {
    let (reason, noun) = match kind {
        IdKind::Hold => (ErrorReason::HoldNotFound, "hold"),
        IdKind::Grant | IdKind::Authorization | IdKind::PriceBook | IdKind::PriceVersion => {
            (ErrorReason::GrantNotFound, "grant")
        }
    };
    refuse(reason, format!("there is no such {noun} in this wallet")).fact(noun, id).status()
}

/// Empty means `credits`.
pub fn unit_or_default(unit: String) -> String {
    if unit.is_empty() { DEFAULT_UNIT.to_owned() } else { unit }
}

/// A name within the limit, for hashing; an over-long one is refused before its hash is used.
fn shown(name: &str) -> &str {
    if name.len() > chit_types::limits::KEY_BYTES { "" } else { name }
}

fn details_from_proto(faults: &mut Violations, details: Option<proto::OperationDetails>) -> Details {
    let Some(details) = details else {
        return Details::default();
    };
    faults.within("details", |faults| {
        faults.optional_key("event_type", &details.event_type);
        faults.subjects("subjects", &details.subjects);
        faults.reference("reference", &details.reference);
        faults.description("description", &details.description);
        faults.metadata("metadata", &details.metadata);
    });
    Details {
        event_type: details.event_type,
        subjects: details.subjects,
        reference: details.reference,
        description: details.description,
        metadata: details.metadata,
    }
}
