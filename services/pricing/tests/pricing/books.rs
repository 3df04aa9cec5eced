//! Event types, books, versions, assignments.

use chit_api::pricing::v1 as proto;
use chit_api::types::v1::ErrorReason;
use chit_rpc::timestamp_to_proto;
use tonic::Code;

use crate::world::{
    START, World, assign, create, draft, event_type, flat, on_both_engines, publish, question, refused, with,
};

#[tokio::test]
async fn an_event_type_is_declared_and_replaced() {
    on_both_engines("event_types", async |mut world: World| {
        world.declare("a").await;
        let mut replaced = event_type("a");
        replaced.display_name = "A".to_string();
        let put =
            proto::PutEventTypeRequest { event_type: Some(replaced), idempotency_key: "again".to_string() };
        world.clock.advance(std::time::Duration::from_secs(5));
        let answer = world.client.put_event_type(put.clone()).await.unwrap().into_inner();
        assert!(!answer.replayed);
        assert!(world.client.put_event_type(put).await.unwrap().into_inner().replayed);
        let get = proto::GetEventTypeRequest { name: "a".to_string() };
        let stored = world.client.get_event_type(get).await.unwrap().into_inner().event_type.unwrap();
        assert_eq!(stored.display_name, "A");
        assert_eq!(stored.created_at, Some(timestamp_to_proto(START)));
        let later = START + std::time::Duration::from_secs(5);
        assert_eq!(stored.updated_at, Some(timestamp_to_proto(later)));
    })
    .await;
}

#[tokio::test]
async fn event_types_are_listed_in_order_of_bytes() {
    on_both_engines("event_type_list", async |mut world: World| {
        for name in ["b", "a", "B", "c"] {
            world.declare(name).await;
        }
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let list = proto::ListEventTypesRequest { page_size: 3, page_token };
            let page = world.client.list_event_types(list).await.unwrap().into_inner();
            names.extend(page.event_types.into_iter().map(|event_type| event_type.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(names, ["B", "a", "b", "c"]);
    })
    .await;
}

#[tokio::test]
async fn a_draft_is_edited_by_revision_until_it_is_published() {
    on_both_engines("drafts", async |mut world: World| {
        world.declare("image").await;
        world.create("main").await;
        let first = world.draft("main", flat("r", "image", 4)).await;
        assert_eq!((first.number, first.revision), (1, 1));
        let mut edit = draft("main", vec![flat("r", "image", 5)]);
        edit.expected_revision = 1;
        let edited = world.client.draft_version(edit.clone()).await.unwrap().into_inner();
        let edited = edited.version.unwrap();
        assert_eq!((edited.number, edited.revision, edited.id.clone()), (1, 2, first.id));
        assert!(world.client.draft_version(edit.clone()).await.unwrap().into_inner().replayed);

        let mut stale = publish("main", 1);
        stale.expected_revision = 1;
        edit.idempotency_key = "stale".to_string();
        for conflict in [
            refused(world.client.publish_version(stale).await),
            refused(world.client.draft_version(edit).await),
        ] {
            assert_eq!((conflict.reason, conflict.code), (ErrorReason::VersionConflict, Code::Aborted));
            assert_eq!(conflict.facts["version"], "2");
        }
    })
    .await;
}

#[tokio::test]
async fn a_published_version_never_changes() {
    on_both_engines("published", async |mut world: World| {
        world.declare("image").await;
        world.create("main").await;
        world.draft("main", flat("r", "image", 5)).await;
        let answer = world.client.publish_version(publish("main", 1)).await.unwrap().into_inner();
        let published = answer.version.unwrap();
        assert_eq!(published.state, proto::VersionState::Published as i32);
        assert_eq!(published.effective_at, Some(timestamp_to_proto(START)));
        let again = world.client.publish_version(publish("main", 1)).await.unwrap().into_inner();
        assert_eq!((again.replayed, again.version), (true, Some(published)));
        let mut other = publish("main", 1);
        other.idempotency_key = "other".to_string();
        let refusal = refused(world.client.publish_version(other).await);
        assert_eq!(refusal.reason, ErrorReason::VersionPublished);
    })
    .await;
}

#[tokio::test]
async fn a_book_shows_its_newest_version_and_its_draft() {
    on_both_engines("numbers", async |mut world: World| {
        world.declare("image").await;
        world.create("main").await;
        world.publish("main", vec![flat("r", "image", 5)]).await;
        assert_eq!(world.draft("main", flat("r", "image", 6)).await.number, 2);
        let get = proto::GetPriceBookRequest { name: "main".to_string() };
        let book = world.client.get_price_book(get).await.unwrap().into_inner().price_book.unwrap();
        assert_eq!((book.published_number, book.draft_number, book.unit.as_str()), (1, 2, "credits"));
        for (number, wanted, credits) in [(1, 1, 5), (2, 2, 6), (0, 2, 6)] {
            let get = proto::GetVersionRequest { price_book: "main".to_string(), number };
            let version = world.client.get_version(get).await.unwrap().into_inner().version.unwrap();
            assert_eq!(
                (version.number, &version.rules[0].charge),
                (wanted, &flat("r", "image", credits).charge)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn versions_are_listed_newest_first_without_their_rules() {
    on_both_engines("version_list", async |mut world: World| {
        world.declare("image").await;
        world.create("main").await;
        world.publish("main", vec![flat("r", "image", 5)]).await;
        world.draft("main", flat("r", "image", 6)).await;
        let list =
            proto::ListVersionsRequest { price_book: "main".to_string(), page_size: 1, ..Default::default() };
        let page = world.client.list_versions(list.clone()).await.unwrap().into_inner();
        let newest = &page.versions[0];
        assert_eq!((newest.number, newest.rules.len(), newest.rule_count), (2, 0, 1));
        let rest = proto::ListVersionsRequest { page_token: page.next_page_token, ..list };
        let rest = world.client.list_versions(rest).await.unwrap().into_inner();
        assert_eq!((rest.versions[0].number, rest.next_page_token.as_str()), (1, ""));
    })
    .await;
}

#[tokio::test]
async fn nothing_takes_effect_in_the_past_or_before_the_lead_save_a_first_version() {
    on_both_engines("effective", async |mut world: World| {
        world.declare("image").await;
        world.create("main").await;
        world.client.draft_version(draft("main", vec![flat("r", "image", 4)])).await.unwrap();
        let mut first = publish("main", 1);
        first.effective_at = Some(prost_types::Timestamp { seconds: 1_000, nanos: 0 });
        world.client.publish_version(first).await.unwrap();
        world.client.assign_price_book(assign("main")).await.unwrap();
        world.client.draft_version(draft("main", vec![flat("r", "image", 9)])).await.unwrap();
        let at = |micros: i64| {
            Some(timestamp_to_proto(chit_types::Timestamp::from_micros(START.micros() + micros)))
        };
        let mut soon = publish("main", 2);
        soon.effective_at = at(999_999);
        let refusal = refused(world.client.publish_version(soon.clone()).await);
        assert_eq!(refusal.reason, ErrorReason::EffectiveTooSoon);
        assert_eq!(refusal.facts["earliest"], "2027-01-15T08:00:01Z");
        soon.effective_at = at(1_000_000);
        world.client.publish_version(soon).await.unwrap();
        for (micros, credits) in [(-1, 4), (999_999, 4), (1_000_000, 9)] {
            let mut quote = question("image");
            quote.occurred_at = at(micros);
            let quoted = world.client.quote(quote).await.unwrap().into_inner();
            assert_eq!(quoted.credits.unwrap().units, credits, "{micros} µs from now");
        }
    })
    .await;
}

#[tokio::test]
async fn a_draft_with_findings_is_kept_and_not_published() {
    on_both_engines("findings", async |mut world: World| {
        world.declare("image").await;
        world.create("main").await;
        let rules = vec![
            with(flat("a", "image", 1), "model", "x"),
            with(flat("b", "image", 2), "plan", "pro"),
            flat("a", "video", 3),
        ];
        let drafted = world.client.draft_version(draft("main", rules)).await.unwrap().into_inner();
        let fields: Vec<&str> = drafted.findings.iter().map(|finding| finding.field.as_str()).collect();
        assert_eq!(fields, ["rules[2].id", "rules[2].event_type", "rules[1].dimensions"]);
        let refusal = refused(world.client.publish_version(publish("main", 1)).await);
        assert_eq!(refusal.reason, ErrorReason::PriceBookInvalid);
        let violated: Vec<&str> =
            refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(violated, fields);
        let refusal = refused(world.client.assign_price_book(assign("main")).await);
        assert_eq!(refusal.reason, ErrorReason::PriceBookNotFound, "a book without a published version");
    })
    .await;
}

#[tokio::test]
async fn an_assignment_leaves_what_occurred_before_to_the_book_assigned_then() {
    on_both_engines("assignments", async |mut world: World| {
        world.priced(flat("r", "image", 4)).await;
        world.create("new").await;
        let mut first = publish("new", 1);
        first.effective_at = Some(prost_types::Timestamp::default());
        world.client.draft_version(draft("new", vec![flat("r", "image", 7)])).await.unwrap();
        world.client.publish_version(first).await.unwrap();
        let made = world.client.assign_price_book(assign("new")).await.unwrap().into_inner();
        assert!(!made.replayed);
        let again = world.client.assign_price_book(assign("new")).await.unwrap().into_inner();
        assert_eq!((again.replayed, again.assignment), (true, made.assignment));
        let quoted = world.client.quote(question("image")).await.unwrap().into_inner();
        assert_eq!(quoted.explanation.unwrap().price_book, "book");
        world.pass_the_lead();
        let quoted = world.client.quote(question("image")).await.unwrap().into_inner();
        assert_eq!(quoted.explanation.unwrap().price_book, "new");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_for_one_content_and_a_name_for_one_book() {
    on_both_engines("keys", async |mut world: World| {
        world.create("main").await;
        assert!(world.client.create_price_book(create("main")).await.unwrap().into_inner().replayed);
        let mut other = create("main");
        other.description = "other".to_string();
        let refusal = refused(world.client.create_price_book(other.clone()).await);
        assert_eq!((refusal.reason, refusal.code), (ErrorReason::IdempotencyKeyReused, Code::AlreadyExists));
        assert_eq!(refusal.facts["idempotency_key"], "create/main");
        other.idempotency_key = "other".to_string();
        let refusal = refused(world.client.create_price_book(other).await);
        assert_eq!((refusal.reason, refusal.facts["name"].as_str()), (ErrorReason::AlreadyExists, "main"));
        let mut put = proto::PutEventTypeRequest {
            event_type: Some(event_type("a")),
            idempotency_key: "k".to_string(),
        };
        world.client.put_event_type(put.clone()).await.unwrap();
        put.event_type = Some(event_type("b"));
        let refusal = refused(world.client.put_event_type(put).await);
        assert_eq!(refusal.reason, ErrorReason::IdempotencyKeyReused);
    })
    .await;
}
