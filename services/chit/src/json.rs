//! Messages of the contract as JSON for scripts: field names as in the protos, credits as decimal strings, times as
//! RFC 3339, bytes as hexadecimal. Written from the descriptors, so that no field is ever forgotten.

use std::sync::LazyLock;

use chit_types::{Credits, Timestamp};
use data_encoding::HEXLOWER;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value as Reflected,
};
use serde_json::{Map, Value, json};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(chit_api::FILE_DESCRIPTOR_SET).expect("the generated descriptors are sound")
});

/// `message`, whose full name is `name`, such as `chit.wallet.v1.Wallet`.
pub fn of(name: &str, message: &impl Message) -> Value {
    let descriptor = POOL.get_message_by_name(name).expect("the name is one of the contract's messages");
    let bytes = message.encode_to_vec();
    let dynamic =
        DynamicMessage::decode(descriptor, bytes.as_slice()).expect("it was encoded one line above");
    object(&dynamic)
}

fn object(message: &DynamicMessage) -> Value {
    match message.descriptor().full_name() {
        "chit.type.v1.Credits" => credits(message),
        "google.protobuf.Timestamp" => timestamp(message),
        "google.protobuf.Duration" => json!(format!("{}s", int(message, "seconds"))),
        _ => {
            let fields = message.descriptor();
            let set = fields.fields().filter(|field| !field.supports_presence() || message.has_field(field));
            let pairs = set.map(|field| (field.name().to_owned(), value(&message.get_field(&field), &field)));
            Value::Object(pairs.collect())
        }
    }
}

fn value(value: &Reflected, field: &FieldDescriptor) -> Value {
    match value {
        Reflected::List(items) => items.iter().map(|item| single(item, field)).collect(),
        Reflected::Map(pairs) => {
            let mut pairs: Vec<_> =
                pairs.iter().map(|(key, item)| (map_key(key), single(item, field))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(pairs))
        }
        single_value => single(single_value, field),
    }
}

fn single(value: &Reflected, field: &FieldDescriptor) -> Value {
    match value {
        Reflected::Bool(value) => json!(value),
        Reflected::I32(value) => json!(value),
        Reflected::I64(value) => json!(value),
        Reflected::U32(value) => json!(value),
        Reflected::U64(value) => json!(value),
        Reflected::F32(value) => json!(value),
        Reflected::F64(value) => json!(value),
        Reflected::String(value) => json!(value),
        Reflected::Bytes(value) => json!(HEXLOWER.encode(value)),
        Reflected::EnumNumber(number) => enum_name(*number, field),
        Reflected::Message(message) => object(message),
        Reflected::List(_) | Reflected::Map(_) => Value::Null,
    }
}

fn enum_name(number: i32, field: &FieldDescriptor) -> Value {
    match field.kind() {
        Kind::Enum(descriptor) => match descriptor.get_value(number) {
            Some(known) => json!(known.name()),
            None => json!(number),
        },
        _ => json!(number),
    }
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::String(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn int(message: &DynamicMessage, name: &str) -> i64 {
    message
        .get_field_by_name(name)
        .and_then(|value| value.as_i64().or(value.as_i32().map(i64::from)))
        .unwrap_or(0)
}

fn credits(message: &DynamicMessage) -> Value {
    let nanos = i32::try_from(int(message, "nanos")).unwrap_or(0);
    match Credits::from_parts(int(message, "units"), nanos) {
        Ok(credits) => json!(credits.to_string()),
        Err(_) => Value::Null,
    }
}

fn timestamp(message: &DynamicMessage) -> Value {
    let nanos = i32::try_from(int(message, "nanos")).unwrap_or(0);
    match Timestamp::from_parts(int(message, "seconds"), nanos) {
        Some(at) => json!(at.to_string()),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chit_api::types::v1::{Balance, Credits as Amount};
    use chit_api::wallet::v1::{Posting, VerifiedWallet, WalletEvent};

    #[test]
    fn amounts_are_decimals_and_what_is_unset_is_left_out() {
        let balance =
            Balance { available: Some(Amount { units: 3, nanos: 500_000_000 }), ..Balance::default() };
        assert_eq!(of("chit.type.v1.Balance", &balance), json!({"available": "3.5"}));
    }

    #[test]
    fn enums_have_names_and_bytes_are_hexadecimal() {
        let posting = Posting { ordinal: 1, from: 1, to: 2, ..Posting::default() };
        let json = of("chit.wallet.v1.Posting", &posting);
        assert_eq!((&json["from"], &json["to"]), (&json!("ACCOUNT_ISSUED"), &json!("ACCOUNT_AVAILABLE")));
        let wallet = VerifiedWallet { head: 7, hash: vec![0xab; 2].into(), ..VerifiedWallet::default() };
        assert_eq!(of("chit.wallet.v1.VerifiedWallet", &wallet)["hash"], json!("abab"));
        assert_eq!(of("chit.wallet.v1.WalletEvent", &WalletEvent::default())["signals"], json!([]));
    }
}
