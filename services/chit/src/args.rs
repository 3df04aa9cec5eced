//! The command line. Environment variables are read here and nowhere else.

use std::net::SocketAddr;
use std::path::PathBuf;

use chit_types::{Credits, Timestamp};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::failure::EXIT_CODES;
use crate::output::Format;
use crate::replay::args::ReplayArgs;

/// Where `chit dev` listens, and where every other command looks for it.
pub const DEV_ADDRESS: &str = "127.0.0.1:7400";
/// Where `chit dev` keeps its databases unless told otherwise.
pub const DATA_DIR: &str = ".chit";

/// Credit billing for AI products.
#[derive(Debug, Parser)]
#[command(name = "chit", version, about, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct GlobalArgs {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// Where to find the services.
    #[command(flatten)]
    pub server: ServerArgs,
    /// What to log to standard error, such as `info` or `chit_wallet=debug`.
    #[arg(long, global = true, env = "CHIT_LOG", value_name = "FILTER", hide_env_values = true)]
    pub log: Option<String>,
}

impl GlobalArgs {
    /// For people or for scripts.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// Where to find the services, and for whom to call them.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// The server's address; or `wallet=ADDRESS,metering=ADDRESS` where services have their own.
    #[arg(long, global = true, env = "CHIT_SERVER", value_delimiter = ',', default_value = DEV_ADDRESS, value_name = "ADDRESS")]
    pub server: Vec<String>,
    /// The tenant to act for.
    #[arg(long, global = true, env = "CHIT_TENANT", default_value = chit_rpc::DEFAULT_TENANT)]
    pub tenant: String,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Host all services on one loopback port, ready to try: store, starter tenant, prices and provider costs.
    Dev(DevArgs),
    /// Host one service, as a pod does.
    Serve(ServeArgs),
    /// Bring the databases of services to this version's schema.
    Migrate(MigrateArgs),
    /// Show a customer's wallet, fund it, list its history.
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Record an action that happened and deduct its credits.
    Meter(MeterArgs),
    /// Sum up what was used.
    Usage(UsageArgs),
    /// Tell why an event or a transaction cost what it cost.
    Explain(ExplainArgs),
    /// Drive a recorded trace through the public API as a product would, and verify the ledger after it.
    Replay(ReplayArgs),
    /// Recompute every wallet's ledger, and hold it against metering's events.
    Verify(VerifyArgs),
}

/// `chit dev`
#[derive(Debug, Args)]
pub struct DevArgs {
    /// The folder of the SQLite stores; made when missing. One process at a time.
    #[arg(long, env = "CHIT_DATA_DIR", default_value = DATA_DIR, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Keep the data in databases chit_wallet, chit_pricing and chit_metering of this PostgreSQL server instead; made when missing.
    #[arg(long, env = "CHIT_POSTGRES", value_name = "URL", hide_env_values = true)]
    pub postgres: Option<String>,
    /// Where to listen; a loopback address. Port 0 takes a free one.
    #[arg(long, env = "CHIT_LISTEN", default_value = DEV_ADDRESS, value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ServiceName {
    /// Grants, holds and the ledger.
    Wallet,
    /// Event types, price books and provider costs.
    Pricing,
    /// Events, authorizations and usage.
    Metering,
}

impl ServiceName {
    /// All of them, in the order in which they depend on each other.
    pub const ALL: [ServiceName; 3] = [ServiceName::Wallet, ServiceName::Pricing, ServiceName::Metering];

    /// Its short name.
    pub fn word(self) -> &'static str {
        match self {
            ServiceName::Wallet => "wallet",
            ServiceName::Pricing => "pricing",
            ServiceName::Metering => "metering",
        }
    }
}

/// `chit serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Which service.
    pub service: ServiceName,
    /// Its database: `postgres://…` or `sqlite:PATH`. Without it, CHIT_<SERVICE>__DATABASE__URL.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Where to listen. Without identity only a loopback address is served.
    #[arg(long, env = "CHIT_LISTEN", default_value = DEV_ADDRESS, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The wallet service, for metering.
    #[arg(long, env = "CHIT_METERING__WALLET__ADDRESS", value_name = "ADDRESS")]
    pub wallet: Option<String>,
    /// The pricing service, for metering.
    #[arg(long, env = "CHIT_METERING__PRICING__ADDRESS", value_name = "ADDRESS")]
    pub pricing: Option<String>,
    /// The databases as the environment names them.
    #[command(flatten)]
    pub databases: DatabaseArgs,
}

/// `chit migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Which services; all whose database is named, without any.
    pub services: Vec<ServiceName>,
    /// The database, where one service is named. Without it, CHIT_<SERVICE>__DATABASE__URL.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// How many shards the installation has; chosen once, the same in every service.
    #[arg(long, env = "CHIT_SHARDS", default_value_t = 256)]
    pub shards: u16,
    /// The databases as the environment names them.
    #[command(flatten)]
    pub databases: DatabaseArgs,
}

/// The databases as the environment names them.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// The wallet service's database.
    #[arg(long, env = "CHIT_WALLET__DATABASE__URL", value_name = "URL", hide = true, hide_env_values = true)]
    pub wallet_database: Option<String>,
    /// The pricing service's database.
    #[arg(
        long,
        env = "CHIT_PRICING__DATABASE__URL",
        value_name = "URL",
        hide = true,
        hide_env_values = true
    )]
    pub pricing_database: Option<String>,
    /// The metering service's database.
    #[arg(
        long,
        env = "CHIT_METERING__DATABASE__URL",
        value_name = "URL",
        hide = true,
        hide_env_values = true
    )]
    pub metering_database: Option<String>,
}

impl DatabaseArgs {
    /// The database of a service, where one is named.
    pub fn of(&self, service: ServiceName) -> Option<&str> {
        match service {
            ServiceName::Wallet => self.wallet_database.as_deref(),
            ServiceName::Pricing => self.pricing_database.as_deref(),
            ServiceName::Metering => self.metering_database.as_deref(),
        }
    }
}

/// A wallet.
#[derive(Debug, Args)]
pub struct WalletName {
    /// The customer, by your own id.
    pub customer: String,
    /// The wallet's unit.
    #[arg(long, default_value = "credits")]
    pub unit: String,
}

/// `chit wallet …`
#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Balances, grants and open holds.
    Show {
        /// The wallet.
        #[command(flatten)]
        wallet: WalletName,
        /// As of this past time (RFC 3339), balances only.
        #[arg(long, value_name = "TIME", value_parser = time)]
        as_of: Option<Timestamp>,
    },
    /// Put credits in.
    Grant(GrantArgs),
    /// What happened, newest first.
    Statement {
        /// The wallet.
        #[command(flatten)]
        wallet: WalletName,
        /// At most this many lines.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// `chit wallet grant`
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// The customer, by your own id.
    pub customer: String,
    /// How many credits, such as `500` or `12.5`.
    #[arg(value_parser = credits)]
    pub amount: Credits,
    /// The wallet's unit.
    #[arg(long, default_value = "credits")]
    pub unit: String,
    /// Makes the grant once however often it is repeated. Without it each call is a grant of its own.
    #[arg(long)]
    pub key: Option<String>,
    /// Where the credits come from.
    #[arg(long, value_enum, default_value = "promotion")]
    pub source: GrantSourceArg,
    /// What was paid, such as `10.00 USD`.
    #[arg(long, value_name = "MONEY", value_parser = crate::commands::wallet::money)]
    pub paid: Option<chit_rpc::Money>,
    /// Lower is spent first, 1 to 1000.
    #[arg(long)]
    pub priority: Option<i32>,
    /// When the rest expires (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub expires: Option<Timestamp>,
    /// Only for this event type; may be given again.
    #[arg(long = "event-type", value_name = "NAME")]
    pub event_types: Vec<String>,
    /// Your own reference, such as an order number.
    #[arg(long, default_value = "")]
    pub reference: String,
}

/// Where granted credits come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GrantSourceArg {
    /// Given away.
    Promotion,
    /// Bought.
    Purchase,
    /// Bonus of a purchase.
    Bonus,
    /// A plan's allowance.
    Allowance,
    /// Compensation for a price change.
    Compensation,
}

/// `chit meter`
#[derive(Debug, Args)]
pub struct MeterArgs {
    /// The customer, by your own id.
    pub customer: String,
    /// What happened, such as `chat.reply`. May be left out with --credits.
    #[arg(default_value = "", required_unless_present = "credits")]
    pub event_type: String,
    /// The event's id: the same one is charged once however often it is sent. Without it a new one is made.
    #[arg(long, value_name = "ID")]
    pub event: Option<String>,
    /// The charge, where you price by yourself.
    #[arg(long, value_parser = credits)]
    pub credits: Option<Credits>,
    /// The unit to pay in.
    #[arg(long, default_value = "credits")]
    pub unit: String,
    /// How much, such as `3` or `0.5`. Without it, 1.
    #[arg(long, default_value = "")]
    pub quantity: String,
    /// The model that answered: the dimension `model`.
    #[arg(long)]
    pub model: Option<String>,
    /// The product's feature: the dimension `feature`.
    #[arg(long)]
    pub feature: Option<String>,
    /// Another dimension; may be given again.
    #[arg(long = "dimension", value_name = "NAME=VALUE", value_parser = pair)]
    pub dimensions: Vec<(String, String)>,
    /// Prompt tokens, cached ones not included.
    #[arg(long, default_value_t = 0)]
    pub input_tokens: i64,
    /// Prompt tokens read from a cache.
    #[arg(long, default_value_t = 0)]
    pub cache_read_tokens: i64,
    /// Prompt tokens written to a cache.
    #[arg(long, default_value_t = 0)]
    pub cache_write_tokens: i64,
    /// Generated tokens, reasoning not included.
    #[arg(long, default_value_t = 0)]
    pub output_tokens: i64,
    /// Reasoning tokens.
    #[arg(long, default_value_t = 0)]
    pub reasoning_tokens: i64,
    /// When it happened (RFC 3339). Without it, now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub occurred_at: Option<Timestamp>,
    /// What to do when the wallet cannot cover it.
    #[arg(long, value_enum, default_value = "refuse")]
    pub on_insufficient: OnInsufficientArg,
}

/// What to do when a wallet cannot cover a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnInsufficientArg {
    /// Charge nothing.
    Refuse,
    /// Charge it all; what is missing is owed.
    Record,
    /// Charge what is there; forgive the rest.
    Cap,
}

/// `chit usage`
#[derive(Debug, Args)]
pub struct UsageArgs {
    /// What to group by, once each.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "event-type")]
    pub by: Vec<UsageGroupArg>,
    /// From this time on (RFC 3339, a whole hour). Without it, 30 days before `until`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    /// Before this time (RFC 3339, a whole hour). Without it, the end of this hour.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Only this customer.
    #[arg(long, default_value = "")]
    pub customer: String,
    /// Only this event type.
    #[arg(long, default_value = "")]
    pub event_type: String,
    /// Only this model.
    #[arg(long, default_value = "")]
    pub model: String,
    /// The customer's present period at a glance instead; needs --customer.
    #[arg(long, requires = "customer")]
    pub summary: bool,
}

/// What to group usage by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UsageGroupArg {
    /// By event type.
    EventType,
    /// By customer.
    Customer,
    /// By model.
    Model,
    /// By feature.
    Feature,
    /// By usage class.
    UsageClass,
    /// By UTC hour.
    Hour,
    /// By UTC day.
    Day,
}

/// `chit explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The customer, by your own id.
    pub customer: String,
    /// The event.
    #[arg(required_unless_present = "transaction")]
    pub event: Option<String>,
    /// A transaction of the customer's wallet instead, by its number.
    #[arg(long, value_name = "NUMBER", conflicts_with = "event")]
    pub transaction: Option<i64>,
    /// The wallet's unit, with --transaction.
    #[arg(long, default_value = "credits")]
    pub unit: String,
}

/// `chit verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Only this customer. Without it every wallet of the tenant.
    #[arg(long)]
    pub customer: Option<String>,
}

/// Reads RFC 3339.
pub fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "is not a time such as 2026-11-21T10:00:00Z".to_owned())
}

fn credits(text: &str) -> Result<Credits, String> {
    text.parse::<Credits>().map_err(|error| error.to_string())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_readmes_calls_are_understood() {
        for line in [
            "chit wallet grant user_123 500 --key welcome",
            "chit meter user_123 chat.reply --model gpt-5-mini --input-tokens 900 --output-tokens 250 --event evt_1",
            "chit meter user_123 --credits 2.5",
            "chit explain user_123 evt_1",
            "chit explain user_123 --transaction 3 --json",
            "chit usage --by event-type,model",
            "chit replay tests/data/azure_llm_conversation_500.csv --json --funds scarce --seed 7",
            "chit --server 127.0.0.1:1 verify",
            "chit serve metering --database sqlite:m.sqlite --wallet http://w:1 --pricing http://p:1",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        assert!(Cli::try_parse_from(["chit", "meter", "user_123"]).is_err());
    }
}
