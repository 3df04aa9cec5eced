//! Provider cost tables.

use chit_api::pricing::v1 as proto;
use chit_api::types::v1::ErrorReason;
use tonic::Code;

use crate::world::{START, World, on_both_engines, refused};

fn import(csv: &str, key: &str) -> proto::ImportProviderCostsRequest {
    proto::ImportProviderCostsRequest {
        csv: csv.to_string(),
        idempotency_key: key.to_string(),
        ..Default::default()
    }
}

#[tokio::test]
async fn models_are_listed_page_by_page() {
    on_both_engines("cost_pages", async |mut world: World| {
        let all = proto::ListProviderCostsRequest::default();
        let none = world.client.list_provider_costs(all).await.unwrap().into_inner();
        assert_eq!(none, proto::ListProviderCostsResponse::default());
        world.import("model,input,output\na/1,1,2\na/2,3,4\nb,1.3e-4,0\n").await;
        let list = proto::ListProviderCostsRequest {
            page_size: 1,
            model_prefix: "a/".to_string(),
            ..Default::default()
        };
        let page = world.client.list_provider_costs(list.clone()).await.unwrap().into_inner();
        let first = &page.costs[0];
        assert_eq!(
            (first.model.as_str(), first.reasoning.as_str(), first.cache_read.as_str()),
            ("a/1", "2", "")
        );
        let rest = proto::ListProviderCostsRequest { page_token: page.next_page_token, ..list };
        let rest = world.client.list_provider_costs(rest).await.unwrap().into_inner();
        assert_eq!((rest.costs[0].model.as_str(), rest.costs.len()), ("a/2", 1));
        assert_eq!(rest.next_page_token, "");
    })
    .await;
}

#[tokio::test]
async fn a_table_is_imported_once_for_a_key() {
    on_both_engines("cost_tables", async |mut world: World| {
        let first = import("model,input,output\na,1,2\nb,3,4\n", "1");
        let made = world.client.import_provider_costs(first.clone()).await.unwrap().into_inner();
        let table = made.table.unwrap();
        assert_eq!((table.version, table.currency_code.as_str(), table.model_count), (1, "USD", 2));
        assert!(world.client.import_provider_costs(first).await.unwrap().into_inner().replayed);
        let other = import("model,input,output\nb,9,9\n", "1");
        let refusal = refused(world.client.import_provider_costs(other).await);
        assert_eq!(refusal.reason, ErrorReason::IdempotencyKeyReused);
    })
    .await;
}

#[tokio::test]
async fn a_later_table_takes_effect_no_sooner_than_the_lead() {
    on_both_engines("cost_lead", async |mut world: World| {
        world.import("model,input,output\na,1,2\nb,3,4\n").await;
        let mut soon = import("model,input,output\nb,9,9\n", "2");
        soon.effective_at = Some(chit_rpc::timestamp_to_proto(START));
        let refusal = refused(world.client.import_provider_costs(soon.clone()).await);
        assert_eq!(refusal.reason, ErrorReason::EffectiveTooSoon);
        soon.effective_at = None;
        let second = world.client.import_provider_costs(soon).await.unwrap().into_inner();
        assert_eq!(second.table.unwrap().version, 2);
        let old = proto::ListProviderCostsRequest { version: 1, ..Default::default() };
        assert_eq!(world.client.list_provider_costs(old).await.unwrap().into_inner().costs.len(), 2);
        let unknown = proto::ListProviderCostsRequest { version: 3, ..Default::default() };
        let refusal = refused(world.client.list_provider_costs(unknown).await);
        assert_eq!(
            (refusal.reason, refusal.violations[0].field.as_str()),
            (ErrorReason::InvalidField, "version")
        );
    })
    .await;
}

#[tokio::test]
async fn a_table_with_bad_rows_is_refused_whole_with_their_lines() {
    on_both_engines("bad_rows", async |mut world: World| {
        let bad = import("model,input,output\na,1,2\nb,x,2\nc,1\na,1,2\n", "k");
        let refusal = refused(world.client.import_provider_costs(bad).await);
        assert_eq!((refusal.reason, refusal.code), (ErrorReason::InvalidField, Code::InvalidArgument));
        let told: Vec<(&str, &str)> = refusal
            .violations
            .iter()
            .map(|violation| (violation.field.as_str(), violation.description.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("csv", "line 3: input is not a decimal number such as 0.25"),
                ("csv", "line 4: has 2 fields, and the header 3"),
                ("csv", "line 5: model a stands in line 2 too"),
            ]
        );
        let list = world.client.list_provider_costs(proto::ListProviderCostsRequest::default()).await;
        assert_eq!(list.unwrap().into_inner().table, None, "nothing was kept, the key neither");
        world.client.import_provider_costs(import("model,input,output\na,1,2\n", "k")).await.unwrap();
    })
    .await;
}
