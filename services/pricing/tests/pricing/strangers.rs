//! What does not exist, and what is another tenant's, which is the same.

use chit_api::pricing::v1 as proto;
use chit_api::types::v1::ErrorReason;
use tonic::Code;

use crate::world::{
    Client, World, as_tenant, assign, draft, flat, on_both_engines, publish, question, refused,
};

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    on_both_engines("not_found", async |mut world: World| {
        world.priced(flat("r", "image", 4)).await;
        not_found(&mut world.client, "dev", "none").await;
        let get = proto::GetVersionRequest { price_book: "book".to_string(), number: 9 };
        for refusal in [
            refused(world.client.get_version(get).await),
            refused(world.client.publish_version(publish("book", 9)).await),
        ] {
            assert_eq!((refusal.reason, refusal.code), (ErrorReason::PriceBookNotFound, Code::NotFound));
            assert_eq!(
                (refusal.facts["price_book"].as_str(), refusal.facts["version"].as_str()),
                ("book", "9")
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_anothers_is_not_found() {
    on_both_engines("anothers", async |mut world: World| {
        world.priced(flat("r", "image", 4)).await;
        not_found(&mut world.client, "other", "book").await;
        let get = proto::GetEventTypeRequest { name: "image".to_string() };
        let refusal = refused(world.client.get_event_type(as_tenant("other", get)).await);
        assert_eq!((refusal.reason, refusal.code), (ErrorReason::EventTypeUnknown, Code::NotFound));
        let refusal = refused(world.client.quote(as_tenant("other", question("image"))).await);
        assert_eq!((refusal.reason, refusal.code), (ErrorReason::EventTypeUnknown, Code::FailedPrecondition));
        let list = proto::ListPriceBooksRequest::default();
        let mine = world.client.list_price_books(list.clone()).await.unwrap().into_inner();
        assert_eq!(mine.price_books.len(), 1);
        let theirs = world.client.list_price_books(as_tenant("other", list)).await.unwrap().into_inner();
        assert_eq!(theirs.price_books, []);
    })
    .await;
}

/// Every rpc that names a book refuses one that this tenant does not have.
async fn not_found(client: &mut Client, tenant: &'static str, book: &str) {
    let name = book.to_string();
    let price_book = name.clone();
    let list = proto::ListVersionsRequest { price_book: name.clone(), ..Default::default() };
    let drafted = draft(book, vec![flat("r", "image", 1)]);
    for refusal in [
        refused(client.get_price_book(as_tenant(tenant, proto::GetPriceBookRequest { name })).await),
        refused(client.list_versions(as_tenant(tenant, list)).await),
        refused(
            client.get_version(as_tenant(tenant, proto::GetVersionRequest { price_book, number: 1 })).await,
        ),
        refused(client.draft_version(as_tenant(tenant, drafted)).await),
        refused(client.publish_version(as_tenant(tenant, publish(book, 1))).await),
        refused(client.assign_price_book(as_tenant(tenant, assign(book))).await),
    ] {
        assert_eq!((refusal.reason, refusal.code), (ErrorReason::PriceBookNotFound, Code::NotFound));
        assert_eq!(refusal.facts["price_book"], book);
    }
}
