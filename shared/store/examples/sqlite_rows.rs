//! Which way many rows enter SQLite fastest: statements with many VALUES, one JSON bind, or row by row.
//! `cargo run -p chit-store --example sqlite_rows`

use std::time::{Duration, Instant};

use chit_store::{Database, ValuesStatement, begin_immediate};
use sea_orm::sqlx::{self, AssertSqlSafe, Executor, SqliteConnection};

const ROWS: i64 = 4_000;
const ROUNDS: i64 = 12;
const INSERT: ValuesStatement =
    ValuesStatement { head: "INSERT INTO t VALUES", columns: 12, tail: "ON CONFLICT DO NOTHING" };
const BY_JSON: &str = "INSERT INTO t SELECT value->>0, unhex(value->>1), value->>2, unhex(value->>3), value->>4, \
     value->>5, value->>6, value->>7, value->>8, unhex(value->>9), value->>10, value->>11 FROM json_each($1) \
     WHERE true ON CONFLICT DO NOTHING";

struct Row {
    numbers: [i64; 7],
    wallet: [u8; 16],
    key: [u8; 16],
    hash: [u8; 32],
    texts: [String; 2],
}

fn rows(round: i64) -> Vec<Row> {
    let mixed = |number: i64| (round * ROWS + number).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
    let row = |number: i64| Row {
        numbers: [number % 256, round, mixed(number) >> 20, number, 1_700_000_000_000_000 + number, 3, round],
        wallet: (mixed(number) as u128).wrapping_mul(0xffff_ffff_0000_0001).to_be_bytes(),
        key: (mixed(number) as u128).to_le_bytes(),
        hash: [number as u8; 32],
        texts: ["chat.reply".into(), format!("request {number}")],
    };
    (0..ROWS).map(row).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json(rows: &[Row]) -> String {
    let texts: Vec<String> = rows
        .iter()
        .map(|row| {
            let [a, b, c, d, e, f, g] = row.numbers;
            let (wallet, key, hash) = (hex(&row.wallet), hex(&row.key), hex(&row.hash));
            let [event, reference] = &row.texts;
            format!(
                "[{a},\"{wallet}\",{b},\"{key}\",{c},{d},{e},{f},{g},\"{hash}\",\"{event}\",\"{reference}\"]"
            )
        })
        .collect();
    format!("[{}]", texts.join(","))
}

async fn by_values(connection: &mut SqliteConnection, rows: &[Row]) -> Result<u64, sqlx::Error> {
    let insert = INSERT.execute(connection, rows, |query, row| {
        let [a, b, c, d, e, f, g] = row.numbers;
        let query = query.bind(a).bind(&row.wallet[..]).bind(b).bind(&row.key[..]).bind(c).bind(d).bind(e);
        query.bind(f).bind(g).bind(&row.hash[..]).bind(row.texts[0].as_str()).bind(row.texts[1].as_str())
    });
    insert.await
}

async fn by_json(connection: &mut SqliteConnection, text: &str) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query(BY_JSON).bind(text).execute(connection).await?.rows_affected())
}

async fn row_by_row(connection: &mut SqliteConnection, rows: &[Row]) -> Result<u64, sqlx::Error> {
    let mut changed = 0;
    for row in rows.chunks(1) {
        changed += by_values(connection, row).await?;
    }
    Ok(changed)
}

fn report(way: &str, took: Duration) {
    let per_row = took.as_nanos() / u128::try_from(ROWS * ROUNDS / 3).unwrap_or(1);
    println!("{way:12} {per_row:6} ns a row");
}

#[tokio::main]
async fn main() {
    let folder = chit_testkit::temp_data_dir();
    let database = Database::sqlite(folder.path().join("rows.sqlite")).await.expect("a new file opens");
    let writer = database.sqlite_writer().expect("it is SQLite");
    let table = "CREATE TABLE t (a integer, wallet blob, b integer, key blob, c integer, d integer, e integer, \
         f integer, g integer, hash blob, event text, reference text, PRIMARY KEY (a, wallet, b), UNIQUE (a, wallet, key))";
    writer.execute(AssertSqlSafe(table)).await.expect("the table is new");
    let mut took = [Duration::ZERO; 3];
    for round in 0..ROUNDS {
        let (rows, way) = (rows(round), (round % 3) as usize);
        let text = json(&rows);
        let mut transaction = begin_immediate(writer).await.expect("nobody else writes");
        let began = Instant::now();
        let changed = match way {
            0 => by_values(&mut transaction, &rows).await,
            1 => by_json(&mut transaction, &text).await,
            _ => row_by_row(&mut transaction, &rows).await,
        };
        took[way] += began.elapsed();
        assert_eq!(changed.expect("rows are new"), ROWS as u64);
        transaction.commit().await.expect("the disk has room");
    }
    for (way, took) in ["VALUES", "JSON", "row by row"].into_iter().zip(took) {
        report(way, took);
    }
}
