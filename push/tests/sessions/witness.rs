//! A client that believes nothing: it knows what is stored, and checks with every message that nothing is missing,
//! nothing comes twice, and nothing is said of a stream that it does not have.

use std::collections::{BTreeMap, BTreeSet};

use lines::{Pattern, StreamName};
use serde_json::{Value, json};

use crate::fixture::{Client, Node};

/// What a client knows of a session, from what it was told alone.
pub(crate) struct Witness {
    client: Client,
    subscriptions: BTreeMap<String, Subscription>,
    /// How many subscriptions there were.
    numbered: usize,
    places: BTreeMap<String, Place>,
    /// Where it stood in streams that it lost, and how many subscriptions there had been then.
    lost: BTreeMap<String, (Next, usize)>,
    /// Gaps so far, by their reason.
    pub(crate) gaps: BTreeMap<String, u32>,
}

struct Subscription {
    number: usize,
    patterns: Vec<Pattern>,
    /// Where its patterns may begin at the least, in streams that were there before it.
    floors: BTreeMap<String, u64>,
    /// Streams that did not exist when it began and that it could read all the time since.
    fresh: BTreeSet<String>,
    /// Only lines whose offset ends in this digit.
    digit: Option<u64>,
    paused: bool,
    recent: bool,
}

struct Place {
    subscription: String,
    next: Next,
}

/// Where the next message of a stream has to begin.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    At(u64),
    /// Here, or at a gap before it: the client asked for lines that are gone.
    Began(u64),
    /// Where `live` will say.
    Live,
}

impl Witness {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            subscriptions: BTreeMap::new(),
            numbered: 0,
            places: BTreeMap::new(),
            lost: BTreeMap::new(),
            gaps: BTreeMap::new(),
        }
    }

    /// Where the session stands in each of its streams, and by which subscription.
    pub(crate) fn places(&self) -> BTreeMap<String, (String, Option<u64>)> {
        let place = |(stream, place): (&String, &Place)| {
            let next = match place.next {
                Next::At(next) | Next::Began(next) => Some(next),
                Next::Live => None,
            };
            (stream.clone(), (place.subscription.clone(), next))
        };
        self.places.iter().map(place).collect()
    }

    /// Subscribes; the lines whose offset ends in `digit`, or all.
    pub(crate) async fn subscribe(
        &mut self,
        id: &str,
        streams: &[&str],
        from: Value,
        digit: Option<u64>,
        recent: bool,
    ) -> Value {
        let mut request = json!({"type": "subscribe", "id": id, "streams": streams, "from": from});
        if let Some(digit) = digit {
            request["filter"] = json!(format!("/{digit}$/"));
        }
        if recent {
            request["mode"] = json!("recent");
        }
        self.client.send(request).await;
        // `subscribed` is the answer, and the subscription must be known when it comes.
        self.numbered += 1;
        let patterns = streams.iter().filter(|text| text.contains('*'));
        let patterns = patterns.map(|text| Pattern::parse(text).unwrap());
        let subscription = Subscription {
            number: self.numbered,
            patterns: patterns.collect(),
            floors: BTreeMap::new(),
            fresh: BTreeSet::new(),
            digit,
            paused: false,
            recent,
        };
        let known = self.subscriptions.contains_key(id);
        if !known {
            self.subscriptions.insert(id.to_owned(), subscription);
        }
        let answer = self
            .until(|message| {
                message["id"] == id && (message["type"] == "error" || message["type"] == "subscribed")
            })
            .await;
        if answer["type"] == "error" && !known {
            self.subscriptions.remove(id);
        }
        answer
    }

    /// Asks for anything else, and answers what the server said to it.
    pub(crate) async fn ask(&mut self, request: Value) -> Value {
        self.client.send(request.clone()).await;
        let kind = request["type"].clone();
        let answer = self
            .until(|message| message["type"] == "error" || message["request"] == kind)
            .await;
        if answer["type"] == "error" {
            return answer;
        }
        let id = request["id"].as_str().unwrap_or_default().to_owned();
        match kind.as_str().unwrap() {
            "pause" | "resume" => self.subscriptions.get_mut(&id).unwrap().paused = kind == "pause",
            "unsubscribe" => {
                self.subscriptions.remove(&id);
                let (gone, kept) = std::mem::take(&mut self.places)
                    .into_iter()
                    .partition(|(_, place)| place.subscription == id);
                let gone: BTreeMap<String, Place> = gone;
                self.places = kept;
                let gone = gone.into_iter();
                self.lost
                    .extend(gone.map(|(stream, place)| (stream, (place.next, self.numbered))));
            }
            "seek" => {
                let place = self.places.get_mut(request["stream"].as_str().unwrap()).unwrap();
                place.next = request["to"].as_u64().map_or(Next::Live, Next::At);
            }
            _ => {}
        }
        answer
    }

    /// A stream gets its first line, and the session may read it or not.
    pub(crate) fn is_new(&mut self, stream: &str, readable: bool) {
        for subscription in self.subscriptions.values_mut().filter(|_| readable) {
            subscription.fresh.insert(stream.to_owned());
        }
    }

    /// A token took this stream away.
    pub(crate) fn cannot_read(&mut self, stream: &str) {
        for subscription in self.subscriptions.values_mut() {
            subscription.fresh.remove(stream);
        }
    }

    /// The streams begin at these offsets at the least, for a subscription that just began.
    pub(crate) fn begins_above(&mut self, id: &str, floors: BTreeMap<String, u64>) {
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.floors = floors;
        }
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.subscriptions.contains_key(id)
    }

    pub(crate) fn has_patterns(&self) -> bool {
        self.subscriptions.values().any(|of| !of.patterns.is_empty())
    }

    /// Takes what comes until the session has every stream of these that one of its patterns matches.
    pub(crate) async fn meet_all(&mut self, streams: &[StreamName]) {
        while let Some(missing) = self.unmet(streams) {
            let message = self.client.message().await;
            self.check(&message, &format!("waiting for {missing}"));
        }
    }

    fn unmet(&self, streams: &[StreamName]) -> Option<String> {
        let patterns = self.subscriptions.values().flat_map(|of| &of.patterns);
        let covered = |stream: &&StreamName| patterns.clone().any(|pattern| pattern.matches(stream));
        let missing = streams
            .iter()
            .filter(|stream| !self.places.contains_key(stream.as_str()))
            .find(|stream| covered(stream));
        missing.map(|stream| stream.to_string())
    }

    /// Takes what has come, up to the answer to a `ping`.
    pub(crate) async fn catch_up(&mut self) {
        self.ask(json!({"type": "ping", "id": "p"})).await;
    }

    /// Takes what comes until every stream that is not paused is at its head.
    pub(crate) async fn reach_the_heads(&mut self, heads: &BTreeMap<String, u64>) {
        while let Some(behind) = self.behind(heads) {
            let message = self.client.message().await;
            self.check(&message, &format!("waiting for {behind}"));
        }
    }

    fn behind(&self, heads: &BTreeMap<String, u64>) -> Option<String> {
        let mut places = self
            .places
            .iter()
            .filter(|(_, place)| !self.subscriptions[&place.subscription].paused);
        places
            .find(|(stream, place)| match place.next {
                Next::At(next) | Next::Began(next) => next < heads[stream.as_str()],
                Next::Live => true,
            })
            .map(|(stream, place)| format!("{stream}, at {:?}", place.next))
    }

    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.client.message().await;
            self.check(&message, "asking");
            if wanted(&message) {
                return message;
            }
        }
    }

    fn check(&mut self, message: &Value, doing: &str) {
        let fault = match message["type"].as_str().unwrap() {
            "subscribed" => self.subscribed(message),
            "lines" => self.lines(message),
            "live" => self.move_to(message, "next", "next"),
            "gap" => self.gap(message),
            "behind" => {
                let paused = self.subscriptions[message["id"].as_str().unwrap()].paused;
                (!paused).then(|| "it is not paused".to_owned())
            }
            "dropped" => {
                for stream in message["streams"].as_array().unwrap() {
                    let stream = stream.as_str().unwrap();
                    let place = self.places.remove(stream).unwrap();
                    assert_eq!(place.subscription, message["id"], "{message}");
                    self.lost.insert(stream.to_owned(), (place.next, self.numbered));
                }
                None
            }
            _ => None,
        };
        assert_eq!(
            fault,
            None,
            "{message}, while {doing}; places: {:?}",
            self.places()
        );
    }

    fn subscribed(&mut self, message: &Value) -> Option<String> {
        let id = message["id"].as_str().unwrap();
        let of = &self.subscriptions[id];
        for (stream, begins) in message["streams"].as_object().unwrap() {
            let cursor = begins["cursor"].as_u64().unwrap();
            let lost = self
                .lost
                .remove(stream)
                .filter(|(_, before)| of.number <= *before);
            let right = match lost {
                // What retention took meanwhile is told by a gap that leads here.
                Some((Next::At(next) | Next::Began(next), _)) => {
                    Some(cursor) == begins["first_available"].as_u64().map(|kept| kept.max(next))
                }
                Some((Next::Live, _)) => true,
                None if of.fresh.contains(stream) => cursor == 0,
                None => of.floors.get(stream).is_none_or(|floor| cursor >= *floor),
            };
            let place = Place {
                subscription: id.to_owned(),
                next: Next::Began(cursor),
            };
            if let Some(had) = self.places.insert(stream.clone(), place) {
                return Some(format!("{stream} is of {} already", had.subscription));
            }
            if !right {
                return Some(format!("{stream} begins there, and was left at {lost:?}"));
            }
        }
        None
    }

    fn lines(&mut self, message: &Value) -> Option<String> {
        let stream = message["stream"].as_str().unwrap();
        let Some(place) = self.places.get(stream) else {
            return Some("nobody subscribed to it".to_owned());
        };
        let digit = self.subscriptions[&place.subscription].digit;
        let (first, next) = (
            message["first"].as_u64().unwrap(),
            message["next"].as_u64().unwrap(),
        );
        let want: Vec<u64> = (first..next)
            .filter(|offset| digit.is_none_or(|digit| offset % 10 == digit))
            .collect();
        let lines = message["lines"].as_array().unwrap();
        let got: Vec<u64> = (first..)
            .zip(lines)
            .map(|(nth, line)| line["offset"].as_u64().unwrap_or(nth))
            .collect();
        let texts: Vec<&str> = lines
            .iter()
            .map(|line| line["message"].as_str().unwrap())
            .collect();
        let want_texts: Vec<_> = want.iter().map(|offset| format!("line {offset}")).collect();
        if got != want || texts != want_texts {
            return Some(format!("these should be in it: {want:?}"));
        }
        self.move_to(message, "first", "next")
    }

    fn gap(&mut self, message: &Value) -> Option<String> {
        let stream = message["stream"].as_str().unwrap();
        let reason = message["reason"].as_str().unwrap();
        *self.gaps.entry(reason.to_owned()).or_default() += 1;
        if message["to"].as_u64() <= message["from"].as_u64() {
            return Some("nothing is missing".to_owned());
        }
        let place = self.places.get_mut(stream)?;
        if reason == "skipped" && !self.subscriptions[&place.subscription].recent {
            return Some("it wants all lines".to_owned());
        }
        match place.next {
            Next::Began(next) if message["to"] == next => {
                place.next = Next::At(next);
                None
            }
            _ => self.move_to(message, "from", "to"),
        }
    }

    /// A message of a stream begins where the last one ended.
    fn move_to(&mut self, message: &Value, from: &str, to: &str) -> Option<String> {
        let Some(place) = self.places.get_mut(message["stream"].as_str().unwrap()) else {
            return Some("nobody subscribed to it".to_owned());
        };
        let begins = message[from].as_u64().unwrap();
        let fits = match place.next {
            Next::At(next) | Next::Began(next) => begins == next,
            Next::Live => message["type"] == "live",
        };
        place.next = Next::At(message[to].as_u64().unwrap());
        (!fits).then(|| "it does not begin where the last one ended".to_owned())
    }
}

/// The heads of streams that are stored.
pub(crate) async fn heads(node: &Node, streams: &[&str]) -> BTreeMap<String, u64> {
    let mut heads = BTreeMap::new();
    for &stream in streams {
        heads.insert(stream.to_owned(), node.head(stream).await);
    }
    heads
}
