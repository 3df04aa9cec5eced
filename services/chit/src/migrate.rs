//! `chit migrate`: schemas change when somebody says so, never by themselves.

use chit_store::Migrated;
use chit_types::ShardCount;
use serde_json::json;

use crate::args::{MigrateArgs, ServiceName};
use crate::failure::Failure;
use crate::host;
use crate::output::{Format, say, say_json, table};

/// Runs it.
pub async fn run(args: MigrateArgs, format: Format) -> anyhow::Result<()> {
    let shards = ShardCount::new(args.shards)
        .ok_or_else(|| Failure::input(format!("--shards {} is not within 1 and 32,767", args.shards)))?;
    let mut done = Vec::new();
    for (service, url) in wanted(&args)? {
        let database = host::open(service, &url).await?;
        done.push((service, host::migrate(service, &database, shards).await?));
        database.close().await;
    }
    match format {
        Format::Json => {
            say_json(&done.iter().map(|(service, migrated)| as_json(*service, migrated)).collect())
        }
        Format::Text => say(as_table(&done)),
    }
    Ok(())
}

fn wanted(args: &MigrateArgs) -> anyhow::Result<Vec<(ServiceName, String)>> {
    if let (Some(url), [service]) = (&args.database, args.services.as_slice()) {
        return Ok(vec![(*service, url.clone())]);
    }
    if args.database.is_some() {
        return Err(Failure::input("--database is of one service: name it"));
    }
    let named = |service: ServiceName| args.databases.of(service).map(str::to_owned);
    if args.services.is_empty() {
        let all: Vec<_> =
            ServiceName::ALL.into_iter().filter_map(|service| Some((service, named(service)?))).collect();
        if all.is_empty() {
            return Err(Failure::input("no database is named: set CHIT_WALLET__DATABASE__URL and its like"));
        }
        return Ok(all);
    }
    let each = args
        .services
        .iter()
        .map(|&service| named(service).map(|url| (service, url)).ok_or_else(|| missing_database(service)));
    each.collect()
}

/// No database is named for a service.
pub fn missing_database(service: ServiceName) -> anyhow::Error {
    let word = service.word();
    Failure::input(format!(
        "no database is named for {word}: use --database or CHIT_{}__DATABASE__URL",
        word.to_ascii_uppercase()
    ))
}

fn as_json(service: ServiceName, migrated: &Migrated) -> serde_json::Value {
    json!({ "service": service.word(), "applied": migrated.applied, "state": format!("{:?}", migrated.state) })
}

fn as_table(done: &[(ServiceName, Migrated)]) -> String {
    let mut table = table(&["service", "steps applied now", "schema"]);
    for (service, migrated) in done {
        let steps: Vec<_> = migrated.applied.iter().map(u32::to_string).collect();
        let steps = if steps.is_empty() { "none".to_owned() } else { steps.join(", ") };
        table.add_row(vec![service.word().to_owned(), steps, format!("{:?}", migrated.state)]);
    }
    table.to_string()
}
