//! The store's contract on both engines.

use std::time::Duration;

use chit_metering::domain::authorization::{Authorization, AuthorizationState, Totals};
use chit_metering::domain::fact::{Fact, FactKind};
use chit_metering::domain::pending::Pending;
use chit_metering::domain::sums::Sums;
use chit_metering::store::{
    FactRef, IntakeRow, KeyKind, KeyRow, Locking, Source, Store, UsageQuery, UsageRow,
};
use chit_types::{Credits, Timestamp};

use crate::harness::{BOTH, Engine, START, content, place, settled, store};

fn key(customer: &str, event: &str) -> KeyRow {
    KeyRow {
        place: place(&content(customer, event)),
        kind: KeyKind::Event,
        occurred_at: START,
        fingerprint: [7; 17],
    }
}

fn pending(fact: Fact) -> Pending {
    Pending {
        step: "event".into(),
        fact,
        operations: Vec::new(),
        settling: None,
        would_cost: Credits::ZERO,
        stored_at: START,
    }
}

#[tokio::test]
async fn an_id_is_taken_once_and_found_as_it_was_taken() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let mut rows: Vec<KeyRow> = (0..700).map(|n| key(&format!("c{}", n % 7), &format!("e{n}"))).collect();
        rows.sort_by_key(|row| (row.place.shard, row.place.event));
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.take_keys(&rows[..600]).await.unwrap().len(), 600);
        assert_eq!(tx.take_keys(&rows).await.unwrap().len(), 100, "{engine:?}");
        tx.commit().await.unwrap();
        let places: Vec<_> = rows.iter().map(|row| row.place).collect();
        let mut tx = store.read().await.unwrap();
        let found = tx.find_keys(&places, Locking::None).await.unwrap();
        assert_eq!(found.len(), 700);
        assert!(rows.iter().all(|row| found[&row.place.event] == *row), "{engine:?}");
    }
}

#[tokio::test]
async fn while_a_step_is_decided_no_other_pod_decides_one_of_the_same_event() {
    let (store, _keeper) = store(Engine::Postgres).await;
    let row = key("c", "e");
    let mut tx = store.begin().await.unwrap();
    tx.take_keys(std::slice::from_ref(&row)).await.unwrap();
    tx.commit().await.unwrap();
    let mut first = store.begin().await.unwrap();
    first.find_keys(&[row.place], Locking::Rows).await.unwrap();
    let mut second = store.begin().await.unwrap();
    let places = [row.place];
    let mut waiting = std::pin::pin!(second.find_keys(&places, Locking::Rows));
    let soon = Duration::from_millis(300);
    assert!(tokio::time::timeout(soon, waiting.as_mut()).await.is_err());
    first.unpark(row.place).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap()[&row.place.event].kind, KeyKind::Event);
}

#[tokio::test]
async fn whoever_deletes_a_step_is_the_only_one() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let step = pending(settled("c", "e", START, 5));
        let place = step.fact.place;
        let mut tx = store.begin().await.unwrap();
        let row = IntakeRow::new(&step);
        tx.insert_intake(&[row.clone(), row]).await.unwrap();
        assert_eq!(tx.find_intake(&[place]).await.unwrap(), std::slice::from_ref(&step), "{engine:?}");
        assert_eq!(tx.left_behind(START - Duration::from_secs(1), 9).await.unwrap(), []);
        assert_eq!(tx.left_behind(START, 9).await.unwrap(), [step]);
        // One finished and stored anew under the same name is another step.
        let earlier = [(place, "event", START - Duration::from_secs(1))];
        assert_eq!(tx.delete_intake(&earlier).await.unwrap().len(), 0, "{engine:?}");
        let steps = [(place, "event", START)];
        assert_eq!(tx.delete_intake(&steps).await.unwrap().len(), 1);
        assert_eq!(tx.delete_intake(&steps).await.unwrap().len(), 0, "{engine:?}");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn facts_come_back_whole_and_are_numbered_in_their_event() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let first = settled("c", "e", START, 5);
        let mut second = settled("c", "e", START, -2);
        (second.kind, second.ordinal) = (FactKind::Reversed, 0);
        let third = Fact { ordinal: 0, ..second.clone() };
        let mut tx = store.begin().await.unwrap();
        tx.record(&mut [first.clone()], [1; 16], START).await.unwrap();
        tx.record(&mut [second.clone(), third.clone()], [2; 16], START).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.read().await.unwrap();
        let event = FactRef { place: first.place, occurred_at: START };
        let found = tx.find_facts(&[event]).await.unwrap();
        let expect = [first, Fact { ordinal: 2, ..second }, Fact { ordinal: 3, ..third }];
        assert_eq!(found, expect, "{engine:?}");
        let elsewhere = FactRef { occurred_at: START + Duration::from_secs(1), ..event };
        assert_eq!(tx.find_facts(&[elsewhere]).await.unwrap(), []);
    }
}

#[tokio::test]
async fn authorizations_are_written_whole_and_found_when_due() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let said = content("c", "e");
        let mut stored = Authorization {
            place: place(&said),
            uuid: [3; 16],
            content: said,
            state: AuthorizationState::Open,
            created_at: START,
            stamp: None,
            reserve: None,
            reserved: Credits::whole(4),
            hold: "hd_1".into(),
            expires_at: START + Duration::from_secs(60),
            totals: Totals::default(),
        };
        let mut tx = store.begin().await.unwrap();
        tx.put_authorizations(std::slice::from_ref(&stored)).await.unwrap();
        let due = |seconds| START + Duration::from_secs(seconds);
        assert!(tx.due_authorizations(0, due(59), 9).await.unwrap().is_empty());
        assert_eq!(tx.due_authorizations(0, due(60), 9).await.unwrap(), [stored.clone()], "{engine:?}");
        stored.state = AuthorizationState::Settled;
        tx.put_authorizations(std::slice::from_ref(&stored)).await.unwrap();
        assert!(tx.due_authorizations(0, due(60), 9).await.unwrap().is_empty());
        let found = tx.find_authorizations(&[stored.place], Locking::Rows).await.unwrap();
        assert_eq!(found[&stored.place.event], stored, "{engine:?}");
        tx.commit().await.unwrap();
    }
}

fn query(source: Source, from: i64, until: i64) -> UsageQuery {
    UsageQuery {
        source,
        tenant: "dev".into(),
        shard: None,
        from,
        until,
        filters: Default::default(),
        groups: [source != Source::Hours, true, true, true, true, true],
        step: 0,
    }
}

async fn usage(store: &Store, query: &UsageQuery) -> Vec<UsageRow> {
    let mut tx = store.read().await.unwrap();
    tx.query_usage(query).await.unwrap()
}

#[tokio::test]
async fn rollups_equal_their_facts_and_can_be_made_again() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let mut all = Sums::default();
        for batch in 0..5_u8 {
            let mut facts: Vec<Fact> = (0..60)
                .map(|n| {
                    let at = START - Duration::from_secs(60 * 60 * (n % 50));
                    settled(&format!("c{}", n % 5), &format!("e{batch}-{n}"), at, 1_000 + i64::from(batch))
                })
                .collect();
            all += facts.iter().map(|fact| fact.sums).sum();
            let mut tx = store.begin().await.unwrap();
            tx.record(&mut facts, [batch; 16], START).await.unwrap();
            tx.commit().await.unwrap();
        }
        let day = START.day();
        let queries = [
            query(Source::Hours, (day - 9) * 24, (day + 1) * 24),
            query(Source::CustomerDays, day - 9, day + 1),
            query(Source::Facts, 0, Timestamp::MAX.micros()),
        ];
        let mut before = Vec::new();
        for query in &queries {
            let rows = usage(&store, query).await;
            let mut sum: Sums = rows.iter().map(|row| row.sums).sum();
            sum.set_cost(i64::try_from(sum.cost()).unwrap());
            let mut expect = all;
            expect.set_cost(i64::try_from(all.cost()).unwrap());
            assert_eq!(sum, expect, "{engine:?} {:?}", query.source);
            before.push(rows);
        }
        let mut count = 0;
        for shard in 0..256 {
            count += store.rebuild_rollups(shard).await.unwrap();
        }
        assert_eq!(count, 300, "{engine:?}");
        for (query, before) in queries.iter().zip(before) {
            assert_eq!(usage(&store, query).await, before, "{engine:?} {:?}", query.source);
        }
    }
}

#[tokio::test]
async fn usage_is_grouped_filtered_and_kept_by_tenant() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let mut other = settled("c1", "e9", START, 100);
        other.tenant = "other".into();
        let mut facts = [
            settled("c1", "e1", START, 1),
            settled("c1", "e2", START - Duration::from_secs(7_200), 2),
            settled("c2", "e1", START, 4),
            other,
        ];
        let mut tx = store.begin().await.unwrap();
        tx.record(&mut facts, [1; 16], START).await.unwrap();
        tx.commit().await.unwrap();
        let credits = |rows: &[UsageRow]| rows.iter().map(|row| row.sums.credits_micros).collect::<Vec<_>>();
        let day = START.day();
        let mut asked = query(Source::CustomerDays, day, day + 1);
        assert_eq!(credits(&usage(&store, &asked).await), [3, 4], "{engine:?}");
        asked.filters[0] = "c1".into();
        asked.shard = Some(facts[0].place.shard);
        assert_eq!(credits(&usage(&store, &asked).await), [3]);
        let mut hours = query(Source::Hours, day * 24, day * 24 + 24);
        hours.step = 1;
        let rows = usage(&store, &hours).await;
        assert_eq!(credits(&rows), [2, 5], "{engine:?}");
        assert_eq!(rows[0].start + 2, rows[1].start);
        let mut by_hour = query(Source::Facts, 0, Timestamp::MAX.micros());
        by_hour.filters[0] = "c1".into();
        by_hour.step = 3_600_000_000;
        assert_eq!(credits(&usage(&store, &by_hour).await), [2, 1], "{engine:?}");
    }
}

#[tokio::test]
async fn the_feed_tells_every_fact_of_a_tenant_and_is_pruned() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let mut facts: Vec<Fact> = (0..20).map(|n| settled(&format!("c{n}"), "e", START, 1)).collect();
        let mut tx = store.begin().await.unwrap();
        tx.record(&mut facts, [9; 16], START).await.unwrap();
        let found = tx.read_feed("dev", 256, START, 1_000).await.unwrap();
        let told: usize = found.iter().map(|row| row.facts.len()).sum();
        assert_eq!(told, 20, "{engine:?}");
        assert!(found.iter().all(|row| row.facts.iter().all(|(event, ordinal)| {
            facts.iter().any(|fact| fact.place == event.place && fact.ordinal == *ordinal)
        })));
        assert!(tx.read_feed("other", 256, START, 1_000).await.unwrap().is_empty());
        tx.prune_feed(START + Duration::from_secs(1)).await.unwrap();
        assert!(tx.read_feed("dev", 256, START, 1_000).await.unwrap().is_empty(), "{engine:?}");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn parked_events_are_listed_shard_by_shard_and_leave_when_charged() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let contents: Vec<_> = (0..9).map(|n| content(&format!("c{n}"), "e")).collect();
        let mut tx = store.begin().await.unwrap();
        let parked: Vec<_> = contents.iter().map(|said| (place(said), said)).collect();
        tx.park(&parked, START).await.unwrap();
        let (mut after, mut seen) = ((-1, Vec::new()), Vec::new());
        loop {
            let page = tx.list_parked("dev", after, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            after = (i16::try_from(last.shard).unwrap(), last.event.to_vec());
            seen.extend(page.into_iter().map(|row| row.content.customer_id));
        }
        seen.sort();
        assert_eq!(seen.len(), 9, "{engine:?}");
        tx.unpark(parked[0].0).await.unwrap();
        assert!(tx.parked(parked[0].0).await.unwrap().is_none());
        assert_eq!(tx.parked(parked[1].0).await.unwrap().unwrap().content, contents[1], "{engine:?}");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_replica_is_kept_by_tenant_and_replaced_by_key() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let mut tx = store.begin().await.unwrap();
        let change = |key: &str, body: &[u8]| (key.to_string(), body.to_vec());
        tx.put_replica("dev", "c1", &[change("a", b"1"), change("b", b"2")]).await.unwrap();
        tx.put_replica("dev", "c2", &[change("a", b"3")]).await.unwrap();
        tx.put_replica("other", "x", &[]).await.unwrap();
        let stored = tx.get_replica("dev").await.unwrap().unwrap();
        assert_eq!((stored.cursor.as_str(), stored.resources), ("c2", vec![b"3".to_vec(), b"2".to_vec()]));
        assert!(tx.get_replica("nobody").await.unwrap().is_none());
        let mut tenants = tx.replica_tenants().await.unwrap();
        tenants.sort();
        assert_eq!(tenants, ["dev", "other"], "{engine:?}");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_customers_events_are_listed_newest_first() {
    for engine in BOTH {
        let (store, _keeper) = store(engine).await;
        let mut facts: Vec<Fact> =
            (0..7).map(|n| settled("c", &format!("e{n}"), START + Duration::from_secs(n / 2), 1)).collect();
        let mut tx = store.begin().await.unwrap();
        tx.record(&mut facts, [1; 16], START).await.unwrap();
        let (mut before, mut seen) = ((Timestamp::MAX, Vec::new()), Vec::new());
        loop {
            let page = tx.list_first_facts(facts[0].place, START, before, "", 3).await.unwrap();
            let Some(last) = page.last() else { break };
            before = (last.occurred_at, last.place.event.to_vec());
            seen.extend(page);
        }
        assert!(seen.is_sorted_by_key(|fact| std::cmp::Reverse((fact.occurred_at, fact.place.event))));
        assert_eq!(seen.len(), 7, "{engine:?}");
        let none = tx.list_first_facts(facts[0].place, START, (Timestamp::MAX, Vec::new()), "other", 9).await;
        assert!(none.unwrap().is_empty());
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn postgresql_keeps_a_table_a_day() {
    let (store, keeper) = store(crate::harness::Engine::Postgres).await;
    let mut tx = store.begin().await.unwrap();
    tx.record(&mut [settled("c", "e", START, 1)], [1; 16], START).await.unwrap();
    tx.commit().await.unwrap();
    let crate::harness::Keeper::Server(fresh) = &keeper else { unreachable!("asked for PostgreSQL") };
    assert_eq!(fresh.sql("SELECT COUNT(*) FROM usage_events_20261121").unwrap().trim(), "1");
    assert_eq!(store.ensure_days(START.day()..=START.day()).await.unwrap(), 0);
}
