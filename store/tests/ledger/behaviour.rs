//! What every ledger does, one caller at a time.

use lines::ledger::{CommitError, Expect, MAX_VALUE_BYTES, Revision, Write};

use crate::desk::{commit, conflict, done, get, key, listed, prefix, put};
use crate::place::Place;

pub(crate) async fn a_value_is_read_back_as_it_was_put(place: &Place) {
    let ledger = place.ledger().await;
    assert_eq!(ledger.get(&key("a/b")).await.unwrap(), None);
    let largest: Vec<u8> = (0..MAX_VALUE_BYTES).map(|i| (i % 251) as u8).collect();
    let values: [&[u8]; 5] = [b"", b"\0", b"{\"$where\": 1}", &[0xff, 0xfe], &largest];
    for (value, revision) in values.into_iter().zip(1..) {
        let put = Write::put(key("a/b"), value.to_vec());
        assert_eq!(done(&*ledger, put).await, Revision(revision));
        for ledger in [&ledger, &place.ledger().await] {
            let entry = ledger.get(&key("a/b")).await.unwrap().unwrap();
            assert_eq!((entry.key, entry.revision), (key("a/b"), Revision(revision)));
            assert_eq!(entry.value, value);
        }
    }
    assert_eq!(get(&*ledger, "a").await, None);
}

pub(crate) async fn what_is_expected_of_a_key_decides(place: &Place) {
    let ledger = place.ledger().await;
    let absent = conflict(commit(&*ledger, put("k", "x").if_at(Revision(1))).await);
    assert_eq!(absent, ("k".to_owned(), None));
    let first = done(&*ledger, put("k", "one").if_absent()).await;
    let there = Some((first.0, "one".to_owned()));
    assert_eq!(
        conflict(commit(&*ledger, put("k", "two").if_absent()).await),
        ("k".to_owned(), there.clone())
    );
    let second = done(&*ledger, put("k", "two").if_at(first)).await;
    assert_eq!(
        conflict(commit(&*ledger, put("k", "three").if_at(first)).await).1,
        Some((second.0, "two".to_owned()))
    );
    assert_eq!(
        conflict(commit(&*ledger, Write::delete(key("k")).if_at(first)).await).1,
        Some((second.0, "two".to_owned()))
    );
    let third = done(&*ledger, put("k", "three")).await;
    assert_eq!(get(&*ledger, "k").await, Some((third.0, "three".to_owned())));
    done(&*ledger, Write::delete(key("k")).if_at(third)).await;
    assert_eq!(get(&*ledger, "k").await, None);
    assert_eq!(
        conflict(commit(&*ledger, put("k", "x").if_at(third)).await).1,
        None
    );
}

pub(crate) async fn a_deleted_key_is_gone_and_never_has_an_earlier_revision_again(place: &Place) {
    let ledger = place.ledger().await;
    let mut last = Revision::ZERO;
    for round in 0..5 {
        let made = done(&*ledger, put("k", round.to_string()).if_absent()).await;
        assert!(made > last);
        let deleted = done(&*ledger, Write::delete(key("k"))).await;
        assert!(deleted > made);
        assert_eq!(get(&*ledger, "k").await, None);
        assert_eq!(listed(&*ledger, "", 10).await.0.len(), 0);
        last = deleted;
    }
}

pub(crate) async fn several_keys_change_together_or_not_at_all(place: &Place) {
    let ledger = place.ledger().await;
    let old = done(&*ledger, put("keys/old", "valid")).await;
    let fence = done(&*ledger, put("owner", "me")).await;
    let rotation = |expect| {
        vec![
            put("keys/old", "until noon").if_at(old),
            put("keys/new", "valid").if_absent(),
            Write::keep(key("owner"), expect),
        ]
    };
    let refused = ledger.commit(rotation(Expect::Absent)).await;
    assert_eq!(
        conflict(refused),
        ("owner".to_owned(), Some((fence.0, "me".to_owned())))
    );
    assert_eq!(get(&*ledger, "keys/old").await, Some((old.0, "valid".to_owned())));
    assert_eq!(get(&*ledger, "keys/new").await, None);

    let rotated = ledger.commit(rotation(Expect::At(fence))).await.unwrap();
    let (state, _) = listed(&*ledger, "", 10).await;
    let expected = [
        ("keys/new", (rotated.0, "valid")),
        ("keys/old", (rotated.0, "until noon")),
        ("owner", (fence.0, "me")),
    ];
    let expected = expected.map(|(name, (at, value))| (name.to_owned(), (at, value.to_owned())));
    assert_eq!(state.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        conflict(ledger.commit(rotation(Expect::At(fence))).await).0,
        "keys/old"
    );
}

pub(crate) async fn what_changes_nothing_makes_no_revision(place: &Place) {
    let ledger = place.ledger().await;
    assert_eq!(done(&*ledger, Write::delete(key("k"))).await, Revision(0));
    assert_eq!(done(&*ledger, put("k", "x")).await, Revision(1));
    assert_eq!(
        done(&*ledger, Write::keep(key("k"), Expect::At(Revision(1)))).await,
        Revision(1)
    );
    assert_eq!(
        done(&*ledger, put("k", "x")).await,
        Revision(2),
        "the same value is a change"
    );
}

pub(crate) async fn a_prefix_lists_what_begins_with_it(place: &Place) {
    let ledger = place.ledger().await;
    let names = [
        "a",
        "a-b",
        "a/b",
        "a/b/c",
        "a/~",
        "aa",
        "ab",
        "b",
        "z/@ann~40example.org",
        "~",
    ];
    for name in names.iter().rev() {
        done(&*ledger, put(name, *name)).await;
    }
    for (begins, expected) in [
        ("", &names[..]),
        ("a", &names[..7]),
        ("a/", &names[2..5]),
        ("a/b", &names[2..4]),
        ("a/b/", &names[3..4]),
        ("b", &names[7..8]),
        ("b/", &[]),
        ("c", &[]),
        ("z/@ann", &names[8..9]),
        ("~", &names[9..]),
    ] {
        for most in [1, 2, 100] {
            let found: Vec<String> = listed(&*ledger, begins, most).await.0.into_keys().collect();
            assert_eq!(found, expected, "{begins:?}, {most} at a time");
        }
    }
}

pub(crate) async fn a_listing_goes_on_where_the_last_page_ended(place: &Place) {
    let ledger = place.ledger().await;
    for name in ["a/1", "a/2", "a/3", "b"] {
        done(&*ledger, put(name, "x")).await;
    }
    let names = async |after: Option<&str>, most| {
        let after = after.map(key);
        let page = ledger.list(&prefix("a/"), after.as_ref(), most).await.unwrap();
        assert_eq!(page.revision, Revision(4));
        let names: Vec<String> = page.entries.iter().map(|entry| entry.key.to_string()).collect();
        (names.join(" "), page.more)
    };
    assert_eq!(names(None, 2).await, ("a/1 a/2".to_owned(), true));
    assert_eq!(names(Some("a/2"), 2).await, ("a/3".to_owned(), false));
    assert_eq!(names(Some("a/1/after"), 9).await, ("a/2 a/3".to_owned(), false));
    assert_eq!(names(Some("a"), 9).await, ("a/1 a/2 a/3".to_owned(), false));
    assert_eq!(names(Some("a/3"), 9).await, (String::new(), false));
    assert_eq!(names(Some("z"), 9).await, (String::new(), false));
}

pub(crate) async fn what_is_no_commit_is_refused_and_does_nothing(place: &Place) {
    let ledger = place.ledger().await;
    let many = |count: usize| {
        (0..count)
            .map(|i| put(&format!("k/{i}"), "x"))
            .collect::<Vec<_>>()
    };
    let large = Write::put(key("large"), vec![0; MAX_VALUE_BYTES + 1]);
    for writes in [
        vec![],
        many(33),
        vec![put("k", "1"), put("k", "2")],
        vec![put("fine", "x"), large],
    ] {
        let refused = ledger.commit(writes).await;
        assert!(matches!(refused, Err(CommitError::Refused(_))), "{refused:?}");
    }
    assert_eq!(listed(&*ledger, "", 10).await.0.len(), 0);
    ledger.commit(many(32)).await.unwrap();
    assert_eq!(listed(&*ledger, "", 100).await.0.len(), 32);
}

pub(crate) async fn everything_is_there_when_the_ledger_is_opened_again(place: &Place) {
    let ledger = place.ledger().await;
    done(&*ledger, put("a", "1")).await;
    done(&*ledger, put("b", "2")).await;
    done(&*ledger, Write::delete(key("a"))).await;
    drop(ledger);
    place.close();
    let ledger = place.ledger().await;
    assert_eq!(get(&*ledger, "b").await, Some((2, "2".to_owned())));
    assert_eq!(get(&*ledger, "a").await, None);
    assert_eq!(
        crate::desk::changes(&*ledger, "", Revision(0), Revision(3))
            .await
            .len(),
        3
    );
    assert_eq!(done(&*ledger, put("a", "3").if_absent()).await, Revision(4));
}
