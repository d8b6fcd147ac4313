//! Key pairs: made, published, rotated, retired and forgotten, over a ledger that answers, fails and forgets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use auth::pairs::{
    Folder, Keeper, Keeping, KeyPair, Keyring, NotChanged, PairAlgorithm, Record, State, put_away,
};
use auth::revoked::{Mark, Revocable};
use auth::ring::{CheckKey, Ring};
use auth::{Claims, Key, Minter, Signer, Signing, Staleness, TokenError, Verifier, token::unix_now};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lines::ledger::{LedgerKey, Write};
use serde_json::json;

use book::{Book, Silence};

const DAY: Duration = Duration::from_secs(86_400);
const STALENESS: Staleness = Staleness {
    after: DAY,
    refuse: false,
};

/// A node that follows a ledger, and perhaps signs.
struct Node {
    verifier: Arc<Verifier>,
    signing: Arc<Signing>,
    /// Keeps its keys, where it signs.
    keeper: Option<tokio::task::JoinHandle<()>>,
}

fn checks(book: &Arc<Book>) -> Node {
    let verifier = Arc::new(Verifier::new("tailcast", Ring::default()));
    verifier.look_first(STALENESS);
    tokio::spawn(auth::follow(book.clone(), verifier.clone()));
    let signing = Arc::default();
    Node {
        verifier,
        signing,
        keeper: None,
    }
}

fn signs(book: &Arc<Book>, data: &Path, algorithm: PairAlgorithm) -> Node {
    let mut node = checks(book);
    let keeping = Keeping {
        algorithm,
        longest: DAY,
        issuer: "tailcast".to_owned(),
    };
    let keyring = Keyring::new(book.clone());
    let folder = Folder::new(data, None);
    let keeper = Keeper::new(
        keyring,
        folder,
        keeping,
        node.verifier.clone(),
        node.signing.clone(),
    );
    node.keeper = Some(tokio::spawn(keeper.run()));
    node
}

impl Node {
    async fn token(&self) -> String {
        let minter = self.signing.minter_within(Duration::from_secs(30)).await.unwrap();
        minter.mint(&Claims::new("alice", unix_now() + 600)).unwrap()
    }

    /// Waits until it signs with this key.
    async fn comes_to_sign_with(&self, kid: &str) {
        eventually("it signs with another key", || {
            let minter = self.signing.minter().ok()?;
            (minter.signer().kid() == Some(kid)).then_some(())
        })
        .await;
    }

    async fn lets_in(&self, token: &str) {
        eventually("the token is good", || self.verifier.check(token).ok()).await;
    }
}

async fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = ask() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// Keys in a state, once there are so many.
async fn keys(book: &Arc<Book>, state: State, count: usize) -> Vec<Record> {
    let keyring = Keyring::new(book.clone());
    for _ in 0..3_000 {
        let mut keys = keyring.list().await.unwrap();
        keys.retain(|record| record.state == state);
        if keys.len() == count {
            return keys;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!(
        "never {count} keys that are {state:?}: {:?}",
        keyring.list().await
    );
}

/// As if all that is there had been published a while ago.
async fn everything_is_known(book: &Arc<Book>) {
    change(book, |record| record.made -= 60).await;
}

async fn change(book: &Arc<Book>, change: impl Fn(&mut Record)) {
    for mut record in Keyring::new(book.clone()).list().await.unwrap() {
        change(&mut record);
        let key = LedgerKey::parse(&format!("auth/keys/{}", record.key.kid())).unwrap();
        let write = Write::put(key, serde_json::to_vec(&record).unwrap());
        lines::ledger::Ledger::commit(&**book, vec![write]).await.unwrap();
    }
}

#[tokio::test]
async fn what_one_node_signs_all_others_check_without_a_key_of_their_own() {
    for algorithm in PairAlgorithm::ALL {
        let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
        let (signs, checks) = (signs(&book, data.path(), algorithm), checks(&book));
        let token = signs.token().await;
        checks.lets_in(&token).await;
        let [header, claims] = [0, 1].map(|part| {
            let part = token.split('.').nth(part).unwrap();
            serde_json::from_slice::<serde_json::Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        });
        assert_eq!(header["alg"], algorithm.name());
        assert_eq!(header["typ"], "at+jwt");
        let active = &keys(&book, State::Active, 1).await[0];
        assert_eq!(header["kid"], active.key.kid());
        assert!(claims["jti"].is_string() && claims["iat"].is_number() && claims["client_id"] == "tailcast");
        let owner = checks.verifier.check(&token).unwrap();
        assert_eq!(owner.shown().key.as_deref(), Some(active.key.kid()));
        keys(&book, State::Next, 1).await;
    }
}

#[tokio::test]
async fn a_rotation_disturbs_nobody_and_the_private_half_that_signed_is_gone() {
    let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
    let (signs, checks) = (signs(&book, data.path(), PairAlgorithm::EdDSA), checks(&book));
    let before = signs.token().await;
    let next = keys(&book, State::Next, 1).await.remove(0);
    let keyring = Keyring::new(book.clone());
    assert!(matches!(keyring.rotate().await, Err(NotChanged::TooSoon(_))));
    everything_is_known(&book).await;
    let rotated = keyring.rotate().await.unwrap();
    assert_eq!(rotated.active, [next.key.kid()]);
    signs.comes_to_sign_with(next.key.kid()).await;
    let after = signs.token().await;
    assert_ne!(before, after);
    for token in [&before, &after] {
        checks.lets_in(token).await;
    }
    keys(&book, State::Next, 1).await;
    let lie_there = || {
        let files = std::fs::read_dir(data.path().join("keys")).unwrap();
        let pems = files.filter(|file| {
            file.as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|it| it == "pem")
        });
        (pems.count() == 2).then_some(())
    };
    eventually("the retired key is gone", lie_there).await;
    let retired = data.path().join(format!("keys/{}.pem", rotated.retired[0]));
    assert!(!retired.exists());
    // What a command signs on the same machine is signed with the new one.
    let signer = Folder::new(data.path(), None).signer().unwrap().unwrap();
    assert_eq!(signer.kid(), Some(next.key.kid()));
}

#[tokio::test]
async fn a_node_whose_key_is_retired_goes_on_with_its_next_one() {
    let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
    let signs = signs(&book, data.path(), PairAlgorithm::EdDSA);
    signs.token().await;
    let next = keys(&book, State::Next, 1).await.remove(0);
    everything_is_known(&book).await;
    let active = keys(&book, State::Active, 1).await.remove(0);
    let keyring = Keyring::new(book.clone());
    let retired = keyring.retire(active.key.kid()).await.unwrap();
    assert_eq!(retired.state, State::Retired);
    signs.comes_to_sign_with(next.key.kid()).await;
    // Again it says the same.
    assert_eq!(keyring.retire(active.key.kid()).await.unwrap(), retired);
    assert!(matches!(
        keyring.retire("nobody").await,
        Err(NotChanged::NoSuchKey(_))
    ));
}

#[tokio::test]
async fn another_algorithm_takes_over_once_everybody_knows_its_key() {
    let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
    let first = signs(&book, data.path(), PairAlgorithm::EdDSA);
    let before = first.token().await;
    keys(&book, State::Next, 1).await;
    // It is started again with another setting.
    first.keeper.unwrap().abort();
    let second = signs(&book, data.path(), PairAlgorithm::ES256);
    // Until then the one that is there signs.
    second.token().await;
    eventually("the other algorithm signs", || {
        let kid = second.signing.minter().ok()?.signer().kid()?.to_owned();
        let known = second.verifier.pairs()?;
        let signs = known.iter().find(|record| record.key.kid() == kid)?;
        (signs.key.algorithm() == PairAlgorithm::ES256).then_some(())
    })
    .await;
    second.lets_in(&before).await;
}

#[tokio::test]
async fn a_key_that_has_ended_checks_nothing_and_never_comes_back_from_a_file() {
    let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
    let signs = signs(&book, data.path(), PairAlgorithm::EdDSA);
    let token = signs.token().await;
    let next = keys(&book, State::Next, 1).await.remove(0);
    everything_is_known(&book).await;
    let active = keys(&book, State::Active, 1).await.remove(0);
    let file = data.path().join(format!("keys/{}.pem", active.key.kid()));
    let kept = std::fs::read_to_string(&file).unwrap();
    Keyring::new(book.clone()).rotate().await.unwrap();
    signs.comes_to_sign_with(next.key.kid()).await;
    signs.lets_in(&token).await;
    // As if that was long ago.
    change(&book, |record| {
        if let Some(retired) = &mut record.retired {
            *retired -= 3 * 86_400;
        }
    })
    .await;
    eventually("the token is refused", || {
        (signs.verifier.check(&token).err() == Some(TokenError::BadSignature)).then_some(())
    })
    .await;
    eventually("it is forgotten", || {
        let known = signs.verifier.pairs()?;
        known.iter().all(|record| record.key != active.key).then_some(())
    })
    .await;
    std::fs::write(&file, kept).unwrap();
    everything_is_known(&book).await;
    Keyring::new(book.clone()).rotate().await.unwrap();
    keys(&book, State::Next, 1).await;
    let all = Keyring::new(book.clone()).list().await.unwrap();
    assert!(all.iter().all(|record| record.key != active.key), "{all:?}");
}

#[tokio::test]
async fn a_key_that_somebody_put_there_signs() {
    let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
    let pair = KeyPair::generate(PairAlgorithm::ES256).unwrap();
    std::fs::create_dir(data.path().join("keys")).unwrap();
    std::fs::write(data.path().join("keys/mine.pem"), pair.to_pem().unwrap()).unwrap();
    let signs = signs(&book, data.path(), PairAlgorithm::ES256);
    signs.comes_to_sign_with(pair.public().kid()).await;
}

#[tokio::test]
async fn an_outcome_that_nobody_knows_is_told_and_repeating_it_ends_well() {
    for silence in [Silence::Done, Silence::Undone] {
        let (book, data) = (Arc::<Book>::default(), tempfile::tempdir().unwrap());
        let signs = signs(&book, data.path(), PairAlgorithm::EdDSA);
        let token = signs.token().await;
        keys(&book, State::Next, 1).await;
        everything_is_known(&book).await;
        let keyring = Keyring::new(book.clone());
        book.is_silent(Some(silence));
        assert!(
            matches!(keyring.rotate().await, Err(NotChanged::Unknown(_))),
            "{silence:?}"
        );
        book.is_silent(None);
        // What was done is not done twice: the key that comes next then is new.
        match keyring.rotate().await {
            Ok(_) => assert_eq!(silence, Silence::Undone),
            Err(error) => {
                let new = matches!(error, NotChanged::TooSoon(_) | NotChanged::NoNext);
                assert!(new && silence == Silence::Done, "{silence:?} {error}");
            }
        }
        keys(&book, State::Retired, 1).await;
        keys(&book, State::Active, 1).await;
        signs.lets_in(&token).await;
    }
}

#[tokio::test]
async fn before_a_node_has_looked_no_key_is_unknown() {
    let pair = KeyPair::generate(PairAlgorithm::EdDSA).unwrap();
    let minter = Minter::new(Signer::pair(pair, DAY), "tailcast");
    let token = minter.mint(&Claims::new("alice", unix_now() + 60)).unwrap();
    let verifier = Verifier::new("tailcast", Ring::default());
    verifier.look_first(STALENESS);
    assert_eq!(verifier.check(&token).unwrap_err(), TokenError::NotYetKnown);
    assert!(verifier.pairs().is_none());
}

async fn put(book: &Arc<Book>, record: &serde_json::Value) {
    let kid = record["key"]["kid"].as_str().unwrap();
    let key = LedgerKey::parse(&format!("auth/keys/{kid}")).unwrap();
    let write = Write::put(key, record.to_string());
    lines::ledger::Ledger::commit(&**book, vec![write]).await.unwrap();
}

/// Whoever has the private half writes into a token what they like.
#[tokio::test]
async fn whoever_stole_a_key_opens_nothing_once_it_is_retired_and_revoked() {
    let (book, now) = (Arc::default(), unix_now());
    let pair = KeyPair::generate(PairAlgorithm::EdDSA).unwrap();
    let record = json!({
        "key": pair.public(), "state": "retired", "made": now - 900, "retired": now - 100, "lifetime": 86_400
    });
    put(&book, &record).await;
    let kid = pair.public().kid().to_owned();
    let signer = Signer::pair(pair, DAY);
    let issued = |at: i64| {
        let claims = json!({"sub": "x", "iss": "tailcast", "aud": "tailcast", "admin": true, "iat": at, "exp": now + 600});
        signer.sign(&claims).unwrap()
    };
    let node = checks(&book);
    node.lets_in(&issued(now - 200)).await;
    node.lets_in(&issued(now - 40)).await;
    for later in [now - 39, now] {
        let refused = node.verifier.check(&issued(later)).unwrap_err();
        assert_eq!(refused, TokenError::BadSignature, "{later}");
    }
    book.put(&Mark::new(Revocable::Key(kid), "root", now - 500));
    eventually("it is revoked, whatever it says of its time", || {
        let refused = |at| node.verifier.check(&issued(at)).err() == Some(TokenError::Revoked);
        (refused(now - 600) && refused(now - 40)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_that_lost_both_keys_signs_with_none_that_others_cannot_know() {
    let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
    let (signs, checks) = (signs(&book, data.path(), PairAlgorithm::EdDSA), checks(&book));
    signs.token().await;
    let lost = [
        keys(&book, State::Active, 1).await.remove(0),
        keys(&book, State::Next, 1).await.remove(0),
    ];
    // As if the node had not come to make the next one active in between.
    change(&book, |record| record.state = State::Retired).await;
    change(&book, |record| record.retired = Some(unix_now())).await;
    let new = keys(&book, State::Active, 1).await.remove(0);
    assert!(lost.iter().all(|record| record.key != new.key));
    assert!(new.activated.unwrap() - new.made >= 4, "{new:?}");
    signs.comes_to_sign_with(new.key.kid()).await;
    checks.lets_in(&signs.token().await).await;
}

#[tokio::test]
async fn a_rotation_of_more_keys_than_a_commit_takes_is_whole() {
    let (book, now) = (Arc::default(), unix_now());
    for number in 0..40 {
        let pair = KeyPair::generate(PairAlgorithm::EdDSA).unwrap();
        let state = if number % 2 == 0 { "active" } else { "next" };
        put(
            &book,
            &json!({"key": pair.public(), "state": state, "made": now - 60, "lifetime": 600}),
        )
        .await;
    }
    // Who has just made one does not hold up the others.
    let young = KeyPair::generate(PairAlgorithm::EdDSA).unwrap();
    put(
        &book,
        &json!({"key": young.public(), "state": "next", "made": now, "lifetime": 600}),
    )
    .await;
    let rotated = Keyring::new(book.clone()).rotate().await.unwrap();
    assert_eq!((rotated.active.len(), rotated.retired.len()), (20, 20));
    keys(&book, State::Active, 20).await;
    keys(&book, State::Retired, 20).await;
    assert_eq!(keys(&book, State::Next, 1).await[0].key, *young.public());
}

#[tokio::test]
async fn who_signs_with_the_shared_key_again_retires_the_pairs_that_lie_there() {
    let (book, data) = (Arc::default(), tempfile::tempdir().unwrap());
    let folder = Folder::new(data.path(), None);
    let pair = KeyPair::generate(PairAlgorithm::EdDSA).unwrap();
    folder.keep(&pair).unwrap();
    put(
        &book,
        &json!({"key": pair.public(), "state": "active", "made": 1, "lifetime": 600}),
    )
    .await;
    put_away(Keyring::new(book.clone()), folder.clone()).await;
    assert_eq!(keys(&book, State::Retired, 1).await[0].key, *pair.public());
    assert!(folder.read().unwrap().is_empty());
}

/// What a key pair signs has to be an access token that says when it was issued, and ends in time.
#[test]
fn a_token_of_a_pair_that_is_not_as_it_has_to_be_is_refused() {
    let now = unix_now();
    let record = |pair: &KeyPair| -> Record {
        let record = json!({"key": pair.public(), "state": "active", "made": now, "lifetime": 600});
        serde_json::from_value(record).unwrap()
    };
    let pair = KeyPair::generate(PairAlgorithm::EdDSA).unwrap();
    let key = Key::from_text("a shared key that is 32 bytes or more").unwrap();
    let ring = Ring::default()
        .with(CheckKey::hs256(&key))
        .with_pairs(vec![record(&pair)]);
    let verifier = Verifier::new("tailcast", ring);
    let kid = pair.public().kid().to_owned();
    let private = pair.to_pem().unwrap();
    let body = private
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect::<String>();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let sign = |header: serde_json::Value, claims: serde_json::Value| {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let key = jsonwebtoken::EncodingKey::from_ed_der(&der);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::EdDSA);
        format!("{message}.{}", signature.unwrap())
    };
    let header = |typ: &str| json!({"alg": "EdDSA", "typ": typ, "kid": kid});
    let claims = |issued: serde_json::Value, ends: i64| json!({"sub": "alice", "iss": "tailcast", "aud": "tailcast", "iat": issued, "exp": ends});
    let good = claims(json!(now), now + 600);
    let missing = json!({"sub": "alice", "iss": "tailcast", "aud": "tailcast", "exp": now + 60});
    let typ = TokenError::BadHeader("typ");
    let long = TokenError::TooLong(Duration::from_secs(600));
    for (header, claims, expected) in [
        (header("at+jwt"), good.clone(), None),
        (header("application/at+JWT"), good.clone(), None),
        (header("JWT"), good.clone(), Some(typ.clone())),
        (
            json!({"alg": "EdDSA", "kid": kid}),
            good.clone(),
            Some(typ.clone()),
        ),
        (header("é"), good.clone(), Some(typ)),
        (
            json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"}),
            good.clone(),
            Some(TokenError::BadSignature),
        ),
        (
            json!({"alg": "EdDSA", "typ": "at+jwt"}),
            good.clone(),
            Some(TokenError::BadSignature),
        ),
        (header("at+jwt"), claims(json!(now), now + 601), Some(long)),
        (
            header("at+jwt"),
            claims(json!(now + 60), now + 100),
            Some(TokenError::NotYet),
        ),
        (
            header("at+jwt"),
            missing,
            Some(TokenError::BadClaim("iat".to_owned())),
        ),
    ] {
        let token = sign(header.clone(), claims.clone());
        assert_eq!(verifier.check(&token).err(), expected, "{header} {claims}");
    }
    let minter = Minter::new(Signer::pair(pair, Duration::from_secs(600)), "tailcast");
    let refused = minter.mint(&Claims::new("alice", now + 700)).unwrap_err();
    assert_eq!(refused, TokenError::TooLong(Duration::from_secs(600)));
    // What is signed with the shared key lasts as long as it says.
    let year = Minter::hs256(&key, "tailcast").mint(&Claims::new("shipper", now + 31_536_000));
    assert!(verifier.check(&year.unwrap()).is_ok());
}
