//! What is asked of the servers for what, and in whose words.

use lines::Offset;
use mongodb::bson::{Document, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};

use crate::place::{Place, draft, keyed, read_all, store_lines, stream};

/// What was asked of the primary while `doing` went on: the commands, as the profiler saw them.
pub(crate) async fn commands_of(place: &Place, doing: impl Future<Output = ()>) -> Vec<Document> {
    let database = place.database().await;
    database.run_command(doc! {"profile": 2}).await.unwrap();
    doing.await;
    database.run_command(doc! {"profile": 0}).await.unwrap();
    let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
    let mut profile = database
        .collection::<Document>("system.profile")
        .find(doc! {"command.profile": {"$exists": false}})
        .selection_criteria(primary)
        .await
        .unwrap();
    let mut commands = Vec::new();
    while profile.advance().await.unwrap() {
        let entry = profile.deserialize_current().unwrap();
        commands.push(entry.get_document("command").unwrap().clone());
    }
    commands
}

pub(crate) fn names(commands: &[Document]) -> Vec<&str> {
    commands
        .iter()
        .map(|command| command.keys().next().unwrap().as_str())
        .collect()
}

#[tokio::test]
async fn what_is_ready_is_stored_in_one_round_trip_and_heads_are_read_in_one() {
    Place::mongo().run(one_round_trip).await;
}

async fn one_round_trip(place: &Place) {
    let store = place.store().await;
    let streams: Vec<_> = (0..100).map(|i| stream(&format!("s/{i}"))).collect();
    let drafts = || {
        streams
            .iter()
            .map(|name| keyed(draft(name.as_str(), &["x"]), "k", 1))
    };
    assert!(store.append(drafts().collect()).await.iter().all(Result::is_ok));
    let again = || {
        drafts().map(|mut draft| {
            draft.keys.clear();
            draft
        })
    };
    let commands = commands_of(place, async {
        assert!(store.append(again().collect()).await.iter().all(Result::is_ok));
    });
    assert_eq!(names(&commands.await), ["insert"]);

    let database = place.database().await;
    database
        .collection::<Document>("system.profile")
        .drop()
        .await
        .unwrap();
    let commands = commands_of(place, async {
        let heads = store.extents(&streams).await.unwrap();
        assert!(heads.iter().all(|extent| extent.next == Offset(2)));
    });
    assert_eq!(names(&commands.await), ["aggregate"]);
}

/// Invariant 1: the address cannot weaken what acknowledged means.
#[tokio::test]
async fn an_address_that_asks_for_less_gets_a_majority_all_the_same() {
    let Place::Mongo { address, options } = Place::mongo() else {
        unreachable!("made right above");
    };
    let weaker = Place::Mongo {
        address: format!("{address}&w=1&journal=false&readPreference=secondary&readConcernLevel=local"),
        options,
    };
    weaker.run(majority_all_the_same).await;
}

async fn majority_all_the_same(place: &Place) {
    let store = place.store().await;
    let commands = commands_of(place, async {
        store_lines(&*store, "s", &["a"]).await;
        read_all(&*store, "s", 0).await;
    });
    let commands = commands.await;
    let concerns = |kind, name| -> Vec<Document> {
        let of_kind = commands.iter().filter(|command| command.contains_key(kind));
        of_kind
            .map(|command| command.get_document(name).unwrap().clone())
            .collect()
    };
    let inserts = concerns("insert", "writeConcern");
    assert_eq!(inserts.len(), 1);
    assert_eq!(
        (
            inserts[0].get_str("w").unwrap(),
            inserts[0].get_bool("j").unwrap()
        ),
        ("majority", true)
    );
    for read in concerns("aggregate", "readConcern") {
        assert_eq!(read.get_str("level").unwrap(), "majority");
    }
}
