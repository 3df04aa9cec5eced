//! Reflection, in the present version and in the one that old tools speak.

use tokio_stream::StreamExt;
use tonic_reflection::pb::{v1, v1alpha};

use crate::{Server, wallet};

#[tokio::test]
async fn both_versions_list_what_is_mounted_and_nothing_else() {
    let server = Server::start(wallet()).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?} is no list");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"chit.wallet.v1.WalletService".to_string()), "{names:?}");
    assert!(!names.contains(&"chit.pricing.v1.PricingService".to_string()), "{names:?}");

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel());
    let symbol = "chit.wallet.v1.WalletService".to_string();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            symbol,
        )),
    };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    use v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse;
    assert!(matches!(answer, FileDescriptorResponse(file) if !file.file_descriptor_proto.is_empty()));
    drop(answers);
    server.stop().await;
}
