//! Wallets made and changed, and the tenant's settings.

use chit_api::wallet::v1 as proto;
use chit_rpc::{Caller, Violations};
use chit_types::shard_of;
use tokio::time::Instant;
use tonic::Status;

use super::convert::{ChangeOfSettings, ChangeOfWallet, NewWallet, settings_to_proto, wallet_to_proto};
use super::desk::Edge;
use super::status::{Subject, fault_to_status, save_fault_to_status, unavailable};
use crate::domain::Settings;
use crate::engine::{Answer, Command, Freeze, Purpose, WalletRef};

impl Edge {
    /// Makes a wallet, or finds it.
    pub async fn create_wallet(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
        request: proto::CreateWalletRequest,
    ) -> Result<proto::CreateWalletResponse, Status> {
        let new = NewWallet::from_proto(request)?;
        let command = Command::Create {
            overdraft_limit: new.overdraft_limit,
            purpose: if new.test { Purpose::Test } else { Purpose::Real },
        };
        let answer = self.command(caller, deadline, new.customer, new.unit, command).await?;
        Ok(proto::CreateWalletResponse {
            wallet: Some(wallet_to_proto(&answer.wallet, "")),
            created: answer.created,
        })
    }

    /// Changes a wallet.
    pub async fn update_wallet(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
        request: proto::UpdateWalletRequest,
    ) -> Result<proto::UpdateWalletResponse, Status> {
        let change = ChangeOfWallet::from_proto(request)?;
        let freeze = |frozen| if frozen { Freeze::Freeze } else { Freeze::Unfreeze };
        let command = Command::Update {
            version: change.version,
            overdraft_limit: change.overdraft_limit,
            freeze: change.frozen.map(freeze),
            thresholds: change.thresholds,
        };
        let answer = self.command(caller, deadline, change.customer, change.unit, command).await?;
        let wallet = Some(wallet_to_proto(&answer.wallet, ""));
        Ok(proto::UpdateWalletResponse { wallet })
    }

    async fn command(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
        customer: String,
        unit: String,
        command: Command,
    ) -> Result<Answer, Status> {
        let subject = Subject { shard: shard_of(&caller.tenant, &customer, self.shards), key: "" };
        let wallet = WalletRef::new(caller.tenant.clone(), customer, unit);
        let done = self.desk.submit(wallet, command, deadline).await;
        done.map_err(|fault| fault_to_status(&fault, subject))
    }

    /// Replaces the tenant's settings.
    pub async fn update_settings(
        &self,
        caller: &Caller,
        request: proto::UpdateSettingsRequest,
    ) -> Result<proto::UpdateSettingsResponse, Status> {
        let ChangeOfSettings { settings } = ChangeOfSettings::from_proto(request)?;
        let present = self.desk.settings().fresh(&caller.tenant).await;
        let present = present.map_err(unavailable)?;
        // For another version the store refuses them, whatever they are.
        if present.version == settings.version {
            self.keeps(caller, &present, &settings).await?;
        }
        let saved = self.desk.settings().save(&caller.tenant, settings).await;
        let saved = saved.map_err(|fault| save_fault_to_status(&fault))?;
        let settings = Some(settings_to_proto(&saved));
        Ok(proto::UpdateSettingsResponse { settings })
    }

    /// What others rely on stays: wallets of a unit that is gone could not be reached any more, and costs are told in
    /// the currency that they were converted to.
    async fn keeps(&self, caller: &Caller, present: &Settings, next: &Settings) -> Result<(), Status> {
        let mut faults = Violations::new();
        for unit in present.units.iter().filter(|unit| !next.has_unit(&unit.name)) {
            let what = format!("leaves out {:?}, which is declared", unit.name);
            faults.field("settings.units", what);
        }
        if next.reporting_currency != present.reporting_currency {
            let fixed = self.reader.has_costs(&caller.tenant).await;
            if fixed.map_err(|fault| self.failed(&fault))? {
                let what = format!("is fixed: grants have costs in {}", present.reporting_currency);
                faults.field("settings.reporting_currency", what);
            }
        }
        faults.finish()
    }
}
