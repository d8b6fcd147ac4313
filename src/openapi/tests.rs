//! The document that is committed is the one that is made and served, and has all of the table.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::node::tests::{config, node};

fn committed() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    if std::env::var_os("TAILCAST_TEST_WRITE").is_some() {
        std::fs::write(&path, text(&document()).unwrap()).unwrap();
    }
    std::fs::read_to_string(&path).unwrap()
}

#[test]
fn the_document_in_docs_is_made_of_the_table() {
    assert!(
        committed() == text(&document()).unwrap(),
        "TAILCAST_TEST_WRITE=1 cargo test -p tailcast made_of_the_table writes it anew"
    );
}

#[test]
fn every_address_and_method_of_the_table_is_in_it_and_no_other() {
    let document: Value = serde_json::from_str(&committed()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let told: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let served: BTreeSet<(String, String)> = ROUTES
        .iter()
        .map(|route| (templated(route.path), route.method.to_string()))
        .collect();
    assert_eq!(told, served);
}

#[test]
fn every_operation_has_a_name_of_its_own_and_every_parameter_of_a_path_is_told() {
    let document: Value = serde_json::from_str(&committed()).unwrap();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let told: BTreeSet<&str> = parameters
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let parts = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            assert_eq!(told, parts.collect(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_node_serves_the_document_to_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(&config(&folder)).await;
    let address = format!("http://{}/v1/openapi.json", node.public());
    let answer = reqwest::get(address).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.text().await.unwrap() == committed());
    node.stop().await;
}
