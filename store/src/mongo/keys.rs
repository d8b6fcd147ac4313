//! What idempotency keys were given before.

use std::collections::HashMap;

use lines::log_store::{PriorRun, StoredKey};
use lines::{StoreError, StreamName};
use mongodb::bson::{Bson, Document, doc};

use super::MongoStore;
use super::documents::decode_keys;

/// Documents of nothing but keys that come in one message.
const SMALL_DOCUMENTS: u32 = 1000;

/// Of batches, where they begin and their keys. Which of them are asked for is seen here: the server would compare each
/// key with each of a whole call's.
pub(super) fn only_keys() -> Document {
    doc! {"$project": {"_id": 0, "s": 1, "o": 1, "keys": 1}}
}

impl MongoStore {
    /// Each key's, in its stream: one look into the index for every stream and key.
    pub(super) async fn find_keys(
        &self,
        keys: &[(StreamName, StoredKey)],
    ) -> Result<Vec<Option<PriorRun>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let ready = self.connection.ready().await?;
        // Streams by their keys: usually all have the same ones.
        let mut streams: HashMap<&str, Vec<Bson>> = HashMap::new();
        for (stream, key) in keys {
            let named = streams.entry(&*key.0).or_default();
            named.push(Bson::from(stream.as_str()));
        }
        let any: Vec<_> = streams
            .into_iter()
            .map(|(key, streams)| doc! {"s": {"$in": streams}, "keys.k": key})
            .collect();
        let pipeline = vec![doc! {"$match": {"$or": any}}, only_keys()];
        let mut cursor = ready.aggregate(&ready.batches, pipeline, SMALL_DOCUMENTS).await?;
        let mut found: HashMap<(String, StoredKey), PriorRun> = HashMap::new();
        while cursor.advance().await.map_err(|e| ready.error(e))? {
            let document = cursor.current();
            let Ok(stream) = document.get_str("s") else {
                continue;
            };
            let runs = decode_keys(document).into_iter();
            found.extend(runs.map(|run| ((stream.to_owned(), run.key.clone()), run)));
        }
        let used = |(stream, key): &(StreamName, StoredKey)| {
            found.get(&(stream.as_str().to_owned(), key.clone())).cloned()
        };
        Ok(keys.iter().map(used).collect())
    }
}
