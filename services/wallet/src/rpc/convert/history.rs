//! A wallet's history and its verification as messages.

use chit_api::wallet::v1 as proto;
use chit_rpc::{credits_to_proto, timestamp_to_proto};

use super::transaction::kind_to_proto;
use crate::domain::verify::Finding;
use crate::domain::{Transaction, Wallet, statement};

/// A line of a statement.
pub fn line_to_proto(transaction: &Transaction) -> proto::StatementLine {
    let text = transaction.text.as_ref();
    proto::StatementLine {
        transaction: transaction.seq,
        at: Some(timestamp_to_proto(transaction.at)),
        kind: kind_to_proto(transaction.kind),
        what: statement::what(transaction),
        change: Some(credits_to_proto(statement::change(transaction))),
        balance: Some(credits_to_proto(statement::balance(transaction))),
        reference: text.map(|text| text.reference.clone()).unwrap_or_default(),
    }
}

/// A wallet whose ledger was recomputed.
pub fn verified_to_proto(wallet: &Wallet) -> proto::VerifiedWallet {
    proto::VerifiedWallet {
        customer_id: wallet.customer.clone(),
        unit: wallet.unit.clone(),
        head: wallet.head,
        hash: wallet.hash.0.to_vec().into(),
    }
}

/// Something wrong in a wallet's ledger.
pub fn finding_to_proto(wallet: &Wallet, finding: Finding) -> proto::LedgerFinding {
    proto::LedgerFinding {
        customer_id: wallet.customer.clone(),
        unit: wallet.unit.clone(),
        transaction: finding.seq,
        check: finding.check.to_owned(),
        detail: finding.detail,
    }
}
