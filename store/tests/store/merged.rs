//! A store on MongoDB whose small batches are merged before anybody looks: nobody may see a difference.

use std::sync::Arc;

use async_trait::async_trait;
use lines::log_store::{Draft, Look, Merged, PriorRun, StoredKey};
use lines::retention::{Deletable, Deletion, Hidden, HiddenLines, Holdings, Restored, Retention, Trimmed};
use lines::{
    AppendError, Batch, Epoch, Extent, Listing, LogReader, LogStore, Offset, StoreError, StreamName,
    Timestamp,
};
use mongodb::bson::{Document, doc};
use store::mongo::{MongoOptions, MongoStore};

/// The merging store, and where it is.
pub(crate) struct MergedStore {
    pub(crate) store: MongoStore,
    pub(crate) address: String,
    pub(crate) options: MongoOptions,
}

impl MergedStore {
    async fn merged(&self) -> &MongoStore {
        merge_all(&self.address, &self.options).await;
        &self.store
    }
}

/// Merges all that may be merged, whenever it arrived: as somebody would who begins with a database of old.
pub(crate) async fn merge_all(address: &str, options: &MongoOptions) -> Merged {
    let client = mongodb::Client::with_uri_str(address).await.unwrap();
    let cluster = client
        .default_database()
        .unwrap()
        .collection::<Document>("cluster");
    cluster
        .update_one(
            doc! {"_id": "merge"},
            doc! {"$unset": {"after": "", "holder": ""}, "$set": {"until": mongodb::bson::DateTime::from_millis(0)}},
        )
        .await
        .unwrap();
    let merger = MongoStore::connect(address, options.clone()).await.unwrap();
    let mut all = Merged::default();
    loop {
        let some = merger.merge().await.unwrap();
        all.batches += some.batches;
        all.into += some.into;
        if !some.more {
            return all;
        }
    }
}

#[async_trait]
impl LogReader for MergedStore {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        self.store.epoch().await
    }

    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        self.merged().await.read(stream, from, max_bytes).await
    }

    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        self.merged().await.extents(streams).await
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        self.merged().await.streams().await
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        self.merged().await.first_since(stream, since).await
    }

    async fn end_before(&self, stream: &StreamName, until: Timestamp) -> Result<Offset, StoreError> {
        self.merged().await.end_before(stream, until).await
    }
}

#[async_trait]
impl LogStore for MergedStore {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        self.merged().await.append(drafts).await
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        self.merged().await.used_keys(keys).await
    }

    async fn look(&self) -> Result<Look, StoreError> {
        self.store.look().await
    }

    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        self.merged().await.trim(retention, now).await
    }

    async fn delete_hidden(&self, what: Deletable) -> Result<Trimmed, StoreError> {
        self.merged().await.delete_hidden(what).await
    }

    async fn merge(&self) -> Result<Merged, StoreError> {
        self.store.merge().await
    }

    async fn holdings(&self) -> Result<Holdings, StoreError> {
        self.store.holdings().await
    }

    async fn hidden(&self, most: usize) -> Result<Vec<HiddenLines>, StoreError> {
        self.merged().await.hidden(most).await
    }

    async fn restore(&self, which: &Hidden) -> Result<Vec<Restored>, StoreError> {
        self.merged().await.restore(which).await
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        self.merged().await.delete_stream(stream, ending).await
    }

    async fn allow(&self) -> Result<(), StoreError> {
        self.store.allow().await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
}
