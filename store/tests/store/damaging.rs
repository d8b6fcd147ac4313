//! What becomes of a database that no store object does to it.

use crate::place::Place;

/// What becomes of a stored batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spoil {
    /// Its lines are other bytes.
    Lines,
    NotUtf8,
    NoObjects,
    /// It claims to have a number of lines that none can have.
    Count,
    Gone,
}

impl Place {
    /// Spoils a batch, past the store.
    pub(crate) async fn spoil(&self, name: &str, first: u64, spoil: Spoil) {
        let lines: &[u8] = match spoil {
            Spoil::Lines => b"no lines at all",
            Spoil::NotUtf8 => b"{\"a\":\"\xff\"}\n{\"a\":1}\n{\"a\":1}\n",
            Spoil::NoObjects => b"{\"a\":1}\n{\"a\":\"b\"c\"}\n{\"a\":1}\n",
            Spoil::Count | Spoil::Gone => b"",
        };
        match self {
            Self::Memory(_) => panic!("nothing breaks in memory"),
            Self::Sqlite { folder, open, .. } => {
                let store = open.lock().clone();
                if let Some(store) = store {
                    store.merge_recent().await.unwrap();
                }
                let database = rusqlite::Connection::open(folder.path().join("lines.sqlite3")).unwrap();
                let change = match spoil {
                    Spoil::Count => "UPDATE batches SET count = -3",
                    Spoil::Gone => "DELETE FROM batches",
                    _ => "UPDATE batches SET compressed = 0, lines = ?3",
                };
                let sql = format!(
                    "{change} WHERE first = ?2 AND stream = (SELECT id FROM streams WHERE name = ?1)"
                );
                let mut statement = database.prepare(&sql).unwrap();
                let changed = match statement.parameter_count() {
                    2 => statement.execute((name, first as i64)),
                    _ => statement.execute((name, first as i64, lines)),
                };
                assert_eq!(changed.unwrap(), 1);
            }
            Self::Mongo { .. } | Self::Merged { .. } => {
                use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};
                let batches = self.database().await.collection::<Document>("batches");
                let which = doc! {"s": name, "o": first as i64};
                let binary = Binary {
                    subtype: BinarySubtype::Generic,
                    bytes: lines.to_vec(),
                };
                let changed = match spoil {
                    Spoil::Gone => batches.delete_one(which).await.unwrap().deleted_count,
                    Spoil::Count => {
                        let set = doc! {"$set": {"n": "three"}};
                        batches.update_one(which, set).await.unwrap().modified_count
                    }
                    _ => {
                        let set = doc! {"$set": {"lines": binary}, "$unset": {"z": 1}};
                        batches.update_one(which, set).await.unwrap().modified_count
                    }
                };
                assert_eq!(changed, 1);
            }
        }
    }

    /// Takes the lines from an offset on away, past the store: as they are missing in a database that was brought back from a
    /// backup. The next store is to be opened after that.
    pub(crate) async fn go_back(&self, name: &str, head: u64) {
        match self {
            Self::Memory(_) => panic!("nothing is brought back in memory"),
            Self::Sqlite { folder, open, .. } => {
                let store = open.lock().clone();
                if let Some(store) = store {
                    store.merge_recent().await.unwrap();
                }
                let database = rusqlite::Connection::open(folder.path().join("lines.sqlite3")).unwrap();
                let sql = "DELETE FROM batches
                           WHERE first >= ?2 AND stream = (SELECT id FROM streams WHERE name = ?1)";
                assert!(database.execute(sql, (name, head as i64)).unwrap() > 0);
            }
            Self::Mongo { .. } | Self::Merged { .. } => {
                use mongodb::bson::{DateTime, Document, doc};
                let database = self.database().await;
                let batches = database.collection::<Document>("batches");
                let which = doc! {"s": name, "o": {"$gte": head as i64}};
                assert!(batches.delete_many(which).await.unwrap().deleted_count > 0);
                // Whoever made sketches is long gone.
                let ended = doc! {"$set": {"until": DateTime::from_millis(0)}};
                let cluster = database.collection::<Document>("cluster");
                cluster.update_one(doc! {"_id": "sketch"}, ended).await.unwrap();
            }
        }
    }
}
