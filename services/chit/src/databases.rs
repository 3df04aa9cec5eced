//! One database per service on a PostgreSQL server, made when missing.

use anyhow::Context;
use chit_store::Database;
use sea_orm::ConnectionTrait;

use crate::args::ServiceName;
use crate::failure::Failure;

/// The address of the service's own database on the server that `url` names; made when missing.
pub async fn ensure(url: &str, service: ServiceName) -> anyhow::Result<String> {
    let name = format!("chit_{}", service.word());
    let server = Database::postgres(url, 1).await.context("--postgres is no PostgreSQL address")?;
    let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    let missing = |count: u64| count == 0;
    let found = server.writer().execute_unprepared(&exists).await;
    let found =
        found.map_err(|error| Failure::unavailable(format!("PostgreSQL cannot be reached: {error}")))?;
    if missing(found.rows_affected()) {
        let made = server.writer().execute_unprepared(&format!("CREATE DATABASE {name}")).await;
        // Another process may have made it in the meantime.
        let found = server.writer().execute_unprepared(&exists).await?;
        if missing(found.rows_affected()) {
            made.with_context(|| format!("database {name} cannot be made"))?;
        }
    }
    server.close().await;
    Ok(with_database(url, &name))
}

/// `url` with another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = rest.split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_changes() {
        let check = |url: &str, expect: &str| assert_eq!(with_database(url, "chit_wallet"), expect);
        check("postgres://u:p@h:5432/postgres", "postgres://u:p@h:5432/chit_wallet");
        check("postgresql://h", "postgresql://h/chit_wallet");
        check("postgres:///x?host=/run/pg&user=a", "postgres:///chit_wallet?host=/run/pg&user=a");
    }
}
