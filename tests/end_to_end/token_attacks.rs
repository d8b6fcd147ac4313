//! Tokens that somebody forges, bends or blows up: what is answered, and that the node is as well afterwards as before.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, COOKIE};
use serde_json::{Map, Value, json};

use crate::fixture::{Alone, Door, Token, until};

/// The tests' shared key, as every node of the tests has it.
const SHARED: &[u8] = crate::fixture::KEY.as_bytes();
const BAD: (u16, &str) = (401, "bad_token");
const GOOD: (u16, &str) = (200, "");
/// More than any node needs for what is tried here.
const MOST_MEMORY_KIB: u64 = 64 * 1024;

/// How a token is signed.
enum By<'a> {
    Secret(hmac::Algorithm, &'a [u8]),
    Pair(&'a Ed25519KeyPair),
    Nothing,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Of header and claims as they are written.
fn token(header: &str, claims: &str, by: &By<'_>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = match by {
        By::Secret(algorithm, secret) => {
            let key = hmac::Key::new(*algorithm, secret);
            hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
        }
        By::Pair(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        By::Nothing => Vec::new(),
    };
    format!("{message}.{}", encoded(signature))
}

fn now() -> i64 {
    auth::token::unix_now()
}

/// Those of somebody who may everything, with changes; `null` takes a claim away.
fn claims(changes: &Value) -> String {
    let mut claims = json!({
        "sub": "mallory", "iss": "tailcast", "aud": "tailcast", "iat": now(), "exp": now() + 600, "read": ["**"], "admin": true
    });
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        all.insert(name.clone(), value.clone());
    }
    all.retain(|_, value| !value.is_null());
    claims.to_string()
}

/// A node that signs with a pair, and has the shared key, too.
struct Target {
    alone: Alone,
    pair: Ed25519KeyPair,
    /// As everybody may know it.
    public: Map<String, Value>,
}

impl Target {
    async fn start() -> Self {
        let alone = Alone::with(&["--signing", "EdDSA"]).await;
        let folder = std::path::Path::new(&alone.data()).join("keys");
        let file = until("a key signs", async || {
            let word = std::fs::read_to_string(folder.join("active")).ok()?;
            let word: Value = serde_json::from_str(&word).ok()?;
            Some(word["file"].as_str()?.to_owned())
        })
        .await;
        let pem = std::fs::read_to_string(&file).unwrap();
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let kid = std::path::Path::new(&file).file_stem().unwrap().to_str().unwrap();
        let public = until("it is published", async || {
            let set = alone.get("/.well-known/jwks.json").send().await.ok()?;
            let set: Value = set.json().await.ok()?;
            let keys = set["keys"].as_array()?;
            keys.iter().find(|key| key["kid"] == kid)?.as_object().cloned()
        })
        .await;
        Self {
            alone,
            pair: Ed25519KeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap(),
            public,
        }
    }

    fn kid(&self) -> &str {
        self.public["kid"].as_str().unwrap()
    }

    /// Signed as the node signs, whatever it says.
    fn signed(&self, changes: &Value) -> String {
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid()}).to_string();
        token(&header, &claims(changes), &By::Pair(&self.pair))
    }

    /// Signed with the shared key, under this header.
    fn headed(header: &Value) -> String {
        token(
            &header.to_string(),
            &claims(&json!({})),
            &By::Secret(hmac::HMAC_SHA256, SHARED),
        )
    }

    /// Each algorithm that is none of the key's.
    fn algorithms(&self) -> Vec<(String, String, (u16, &'static str))> {
        let mut all = Vec::new();
        let mut add = |what: String, token: String| all.push((what, token, BAD));
        let of = |alg: &str, by: &By<'_>| {
            let header = json!({"typ": "at+jwt", "alg": alg, "kid": self.kid()}).to_string();
            token(&header, &claims(&json!({})), by)
        };
        for alg in ["none", "None", "NONE", "nOnE", "none ", ""] {
            add(format!("alg {alg:?} and no signature"), of(alg, &By::Nothing));
        }
        let x = self.public["x"].as_str().unwrap();
        let raw = URL_SAFE_NO_PAD.decode(x).unwrap();
        let jwk = Value::from(self.public.clone()).to_string();
        let spki = [
            &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0],
            &raw[..],
        ]
        .concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&spki)
        );
        for (what, secret) in [
            ("bytes", &raw[..]),
            ("text", x.as_bytes()),
            ("JWK", jwk.as_bytes()),
            ("DER", &spki),
            ("PEM", pem.as_bytes()),
            ("nothing", b""),
            ("shared key, under the pair's name", SHARED),
        ] {
            let by = By::Secret(hmac::HMAC_SHA256, secret);
            add(format!("HS256 with the public key's {what}"), of("HS256", &by));
            if what != "shared key, under the pair's name" {
                let nameless = json!({"alg": "HS256", "typ": "JWT"}).to_string();
                add(
                    format!("the same without a name: {what}"),
                    token(&nameless, &claims(&json!({})), &by),
                );
            }
        }
        for alg in ["HS256", "ES256", "RS256", "PS256", "Ed25519", "eddsa", "EDDSA"] {
            add(
                format!("the pair's signature as {alg}"),
                of(alg, &By::Pair(&self.pair)),
            );
        }
        for (alg, by) in [
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
            ("hs256", hmac::HMAC_SHA256),
        ] {
            let header = json!({"alg": alg, "typ": "JWT"}).to_string();
            add(
                format!("{alg} with the shared key"),
                token(&header, &claims(&json!({})), &By::Secret(by, SHARED)),
            );
        }
        all
    }

    /// Headers that ask for something, and names of keys.
    fn headers(&self) -> Vec<(String, String, (u16, &'static str))> {
        let mut all = Vec::new();
        for (name, value) in [
            ("jku", json!("https://evil.example/jwks.json")),
            ("jwk", Value::from(self.public.clone())),
            ("x5u", json!("https://evil.example/x5u.pem")),
            ("x5c", json!(["MIIB"])),
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("b64", json!(false)),
            ("kid", json!(7)),
            ("kid", json!("k".repeat(10_000))),
        ] {
            let mut header = json!({"alg": "HS256", "typ": "JWT"});
            header[name] = value;
            all.push((format!("{name} in the header"), Self::headed(&header), BAD));
        }
        for kid in [
            "../../../../dev/null",
            "/proc/sys/kernel/randomize_va_space",
            "' UNION SELECT 'secret' --",
            "$(id)",
            "a\0b",
            "\u{1f511}",
            "",
        ] {
            for (alg, secret) in [("HS256", &b""[..]), ("HS256", b"2\n"), ("EdDSA", b"")] {
                let header = json!({"alg": alg, "typ": "at+jwt", "kid": kid}).to_string();
                let forged = token(
                    &header,
                    &claims(&json!({})),
                    &By::Secret(hmac::HMAC_SHA256, secret),
                );
                all.push((format!("kid {kid:?} by {alg}"), forged, BAD));
            }
        }
        let twice = r#"{"alg":"none","alg":"HS256","typ":"JWT"}"#;
        let twice = token(twice, &claims(&json!({})), &By::Secret(hmac::HMAC_SHA256, SHARED));
        all.push(("alg twice".to_owned(), twice, BAD));
        all
    }

    /// Signed by who may sign, and wrong all the same, or right.
    fn claimed(&self) -> Vec<(String, String, (u16, &'static str))> {
        let table = [
            (json!({}), GOOD),
            (json!({"exp": null}), BAD),
            (json!({"exp": now() - 3_600}), BAD),
            (json!({"exp": (now() + 600).to_string()}), BAD),
            (json!({"exp": -1}), BAD),
            (json!({"exp": [now() + 600]}), BAD),
            // RFC 7519 lets a date have a fraction.
            (json!({"exp": (now() + 600) as f64 + 0.5}), GOOD),
            (json!({"exp": 1e300}), BAD),
            (json!({"nbf": now() + 600}), BAD),
            (json!({"nbf": (now() - 600).to_string()}), BAD),
            (json!({"nbf": now() - 600}), GOOD),
            (json!({"iat": null}), BAD),
            (json!({"iat": now() + 600}), BAD),
            (json!({"exp": now() + 365 * 86_400}), BAD),
            (json!({"aud": null}), BAD),
            (json!({"aud": "another"}), BAD),
            (json!({"aud": ["another"]}), BAD),
            (json!({"aud": []}), BAD),
            (json!({"aud": {"tailcast": true}}), BAD),
            (json!({"aud": ["another", "tailcast"]}), GOOD),
            (json!({"iss": null}), BAD),
            (json!({"iss": "another"}), BAD),
            (json!({"iss": "Tailcast"}), BAD),
            (json!({"iss": ["another", "evil"]}), BAD),
            (json!({"sub": null}), BAD),
            (json!({"sub": ""}), BAD),
            (json!({"sub": 7}), BAD),
            (json!({"read": "**"}), BAD),
            (json!({"read": ["../secrets"]}), BAD),
            (json!({"read": ["@me"]}), BAD),
            (json!({"admin": "true"}), BAD),
        ];
        table
            .into_iter()
            .map(|(changes, expected)| (changes.to_string(), self.signed(&changes), expected))
            .collect()
    }

    /// Good ones that were changed on the way, and what is no token at all.
    fn bent(&self) -> Vec<(String, String, (u16, &'static str))> {
        let good = self.signed(&json!({}));
        let (message, signature) = good.rsplit_once('.').unwrap();
        let flipped = |at: usize| {
            let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
            bytes[at] ^= 1;
            format!("{message}.{}", encoded(bytes))
        };
        let header = message.split('.').next().unwrap();
        let other = encoded(claims(&json!({"sub": "root"})));
        let by = By::Pair(&self.pair);
        let access = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid()}).to_string();
        let twice = claims(&json!({})).replacen('{', r#"{"sub":"root","#, 1);
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        let all = [
            ("the first bit of the signature flipped", flipped(0)),
            ("its last bit flipped", flipped(63)),
            ("a signature cut short", format!("{message}.{}", &signature[..40])),
            ("no signature", format!("{message}.")),
            ("two parts", message.to_owned()),
            ("four parts", format!("{good}.{signature}")),
            ("padding", format!("{good}==")),
            (
                "other claims under the signature",
                format!("{header}.{other}.{signature}"),
            ),
            ("a claim twice", token(&access, &twice, &by)),
            ("claims 5,000 deep", token(&access, &deep, &by)),
            ("claims that are no object", token(&access, "[]", &by)),
            ("a header that is none", token("null", &claims(&json!({})), &by)),
            ("dots", ".".repeat(5_000)),
            ("an empty one", "..".to_owned()),
            (
                "another installation's",
                Token::of("mallory").admin().signed_with(&"x".repeat(40)).text(),
            ),
            ("an ID token", {
                let header = json!({"typ": "JWT", "alg": "EdDSA", "kid": self.kid()}).to_string();
                token(&header, &claims(&json!({})), &by)
            }),
        ];
        all.into_iter()
            .map(|(what, token)| (what.to_owned(), token, BAD))
            .collect()
    }
}

/// The status and the code.
async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

async fn shown(door: &Door, token: &str) -> (u16, String) {
    answer(door.with(token).get("/v1/streams")).await
}

#[tokio::test]
async fn no_forged_or_broken_token_opens_anything_and_none_is_in_a_log() {
    let mut target = Target::start().await;
    let good = target.signed(&json!({}));
    until("the key is known", async || {
        (shown(&target.alone, &good).await.0 == 200).then_some(())
    })
    .await;
    let before = target.alone.memory_kib();
    let mut tokens = Vec::new();
    for (what, token, (status, code)) in [
        target.algorithms(),
        target.headers(),
        target.claimed(),
        target.bent(),
    ]
    .concat()
    {
        // So many bad ones from one address are refused unseen.
        let told = until("it is looked at", async || {
            let told = shown(&target.alone, &token).await;
            (told.0 != 429).then_some(told)
        })
        .await;
        assert_eq!((told.0, &*told.1), (status, code), "{what}");
        tokens.push(token);
    }

    // Where a token never is.
    let stranger = target.alone.without_token();
    let none = answer(stranger.get("/v1/streams")).await;
    assert_eq!((none.0, &*none.1), (401, "no_token"));
    let cookie = stranger
        .get("/v1/streams")
        .header(COOKIE, format!("token={good}"));
    let cookie = answer(cookie).await;
    assert_eq!((cookie.0, &*cookie.1), (401, "no_token"));
    for name in ["token", "access_token", "jwt", "JWT"] {
        let query = answer(target.alone.get("/v1/streams").query(&[(name, &good)])).await;
        assert_eq!((query.0, &*query.1), (400, "token_in_query"), "{name}");
    }
    // What is larger than any head.
    for huge in ["x".repeat(1_000_000), ".".repeat(100_000)] {
        let request = stranger
            .get("/v1/streams")
            .header(AUTHORIZATION, format!("Bearer {huge}"));
        // A node may hang up on it.
        if let Ok(answer) = request.send().await {
            assert_eq!(answer.status().as_u16(), 431);
        }
    }

    // Keys that nobody has: none is looked for.
    let door = &target.alone;
    let pair = &target.pair;
    let told: Vec<u16> = futures_util::stream::iter(0..10_000)
        .map(|number| {
            let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": format!("unknown-{number}")});
            let forged = token(&header.to_string(), &claims(&json!({})), &By::Pair(pair));
            async move { shown(door, &forged).await.0 }
        })
        .buffer_unordered(32)
        .collect()
        .await;
    assert!(told.iter().all(|status| [401, 429].contains(status)), "{told:?}");

    // It is as well as before, for everybody else too at this address.
    assert_eq!(shown(&target.alone, &good).await.0, 200);
    assert_eq!(shown(&target.alone, &Token::of_tester()).await.0, 200);
    let healthy = stranger.get("/healthz").send().await.unwrap();
    assert_eq!(healthy.status().as_u16(), 200);
    let after = target.alone.memory_kib();
    assert!(after < before + MOST_MEMORY_KIB, "{before} KiB, then {after}");
    let log = target.alone.log();
    tokens.push(good);
    for token in tokens.iter().filter(|token| token.len() > 100) {
        let (_, signature) = token.rsplit_once('.').unwrap();
        assert!(!log.contains(&**token), "a log holds a token");
        assert!(
            signature.len() < 20 || !log.contains(signature),
            "a log holds a signature"
        );
    }
}
