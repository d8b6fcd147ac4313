//! From a `subscribe` to the streams it begins with: what is asked for is checked, joined, and only then read
//! (invariant 5). Nothing of the session is touched before all of it has worked.

use std::collections::HashSet;
use std::sync::Arc;

use auth::{Action, Subscriber, may};
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use lines::{Extent, Offset, Pattern, StreamName, Target};

use crate::StoreAway;
use crate::cursors::capacity::{Capacity, Held};
use crate::cursors::refusal::{Details, Refusal};
use crate::cursors::sources::Sources;
use crate::cursors::subscription::{Beginning, From, Mode, Place, Started, Subscribe, Terms};
use crate::feeds::Member;
use crate::feeds::groups::Group;
use crate::feeds::patterns::Hold;
use crate::feeds::view::{Encoding, View};
use crate::feeds::wake::Wake;

/// Questions for the first line since some time that one `subscribe` asks at once.
pub(crate) const SINCE_AT_ONCE: usize = 16;

/// Streams of a listing that are looked at before others get their turn.
const LOOKED_AT_ONCE: usize = 1_000;

/// Who subscribes, and what its session has already.
pub(crate) struct Asker {
    pub(crate) subscriber: Subscriber,
    pub(crate) wake: Arc<Wake>,
    /// The streams of its other subscriptions, as far as what is asked for could come upon them.
    pub(crate) have: HashSet<StreamName>,
    /// What all of them take of its capacity.
    pub(crate) held: Held,
    /// How many streams it may have.
    pub(crate) capacity: Capacity,
    /// In which bytes it takes lines.
    pub(crate) encoding: Encoding,
}

/// Names and patterns, each once.
#[derive(Default)]
struct Targets {
    names: Vec<StreamName>,
    patterns: Vec<Pattern>,
}

impl Targets {
    /// All who ask for the same. One who may skip lines that others get does not follow them.
    fn group(&self, sources: &Sources, view: &View, mode: Mode) -> Option<Arc<Group>> {
        let names = self.names.iter().cloned().map(Target::Stream);
        let patterns = self.patterns.iter().cloned().map(Target::Pattern);
        match mode {
            Mode::Complete => sources.feeds.groups.of(names.chain(patterns).collect(), view),
            Mode::Recent => None,
        }
    }
}

/// Does all that a `subscribe` asks for, or nothing.
pub(crate) async fn start(
    sources: Arc<Sources>,
    asker: Asker,
    request: Subscribe,
) -> Result<Started, Refusal> {
    let id = request.id.clone();
    let within = sources.limits.subscribe_within;
    let started = match tokio::time::timeout(within, begin(&sources, &asker, request)).await {
        Ok(started) => started,
        Err(_) => Err(unavailable()),
    };
    started.map_err(|refusal| refusal.to(&id))
}

async fn begin(sources: &Sources, asker: &Asker, request: Subscribe) -> Result<Started, Refusal> {
    let view = view(sources, request.filter.as_deref(), asker.encoding)?;
    let targets = targets(&request.streams, asker)?;
    let group = targets.group(sources, &view, request.mode);
    let place = place(sources, &request.from, asker).await?;
    let hold = |pattern: &Pattern| {
        let (subscriber, wake) = (&asker.subscriber, &asker.wake);
        let within = sources.limits.announce_within;
        Hold::take(&sources.feeds.patterns, pattern.clone(), subscriber, wake, within)
    };
    let holds = join_all(targets.patterns.iter().map(hold)).await;
    let mut room = asker.capacity.room(asker.held);
    let mut names = targets.names;
    if !names.iter().all(|name| room.take(name)) {
        return Err(asker.capacity.exceeded());
    }
    let mut left_out = false;
    if !targets.patterns.is_empty() {
        let patterns: Vec<_> = targets.patterns.iter().collect();
        let mut met = listed(sources, asker, &patterns).await.map_err(away)?;
        let named: HashSet<_> = names.iter().cloned().collect();
        met.retain(|name| !named.contains(name));
        // Who goes on has its places first: what came while it was away is as what comes later.
        met.sort_by_cached_key(|name| !place.has(name));
        for name in met {
            if room.take(&name) {
                names.push(name);
            } else if place.goes_on() && !place.has(&name) {
                left_out = true;
                break;
            } else {
                return Err(asker.capacity.exceeded());
            }
        }
        names.sort_unstable();
    }
    let streams = join(sources, names).await.map_err(away)?;
    let streams = placed(sources, streams, &place).await?;
    Ok(Started {
        terms: Terms {
            id: request.id,
            view,
            mode: request.mode,
        },
        group,
        holds,
        from: place,
        listed_by: asker.subscriber.clone(),
        streams,
        left_out,
    })
}

/// What is kept of a stream that is subscribed to, for a `seek` in it.
pub(crate) async fn extent(sources: Arc<Sources>, id: String, stream: StreamName) -> Result<Extent, Refusal> {
    let asked = sources.store.extents(std::slice::from_ref(&stream));
    let answer = tokio::time::timeout(sources.limits.subscribe_within, asked).await;
    match answer.map(|extents| extents.map(|extents| extents.first().copied())) {
        Ok(Ok(Some(extent))) => Ok(extent),
        _ => Err(unavailable().to(&id)),
    }
}

/// Every readable stream that a pattern matches and the session has not. The patterns are held and their routes stand:
/// what was stored before that is in the listing, which begins after this call, and what is stored later is offered to
/// the hold (invariant 5).
pub(crate) async fn listed(
    sources: &Sources,
    asker: &Asker,
    patterns: &[&Pattern],
) -> Result<Vec<StreamName>, StoreAway> {
    let listing = sources.store.streams().await?;
    let mut names = Vec::new();
    for pattern in patterns {
        for some in listing.candidates(pattern).chunks(LOOKED_AT_ONCE) {
            let matching = some.iter().map(|info| &info.name).filter(|name| {
                pattern.matches(name)
                    && !asker.have.contains(*name)
                    && may(&asker.subscriber, Action::Read, name)
            });
            names.extend(matching.cloned());
            tokio::task::yield_now().await;
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Joins the feeds, then reads what the store has: the order is invariant 5.
pub(crate) async fn join(
    sources: &Sources,
    streams: Vec<StreamName>,
) -> Result<Vec<(Member, Extent)>, StoreAway> {
    let members = sources.feeds.join(&streams).await;
    let extents = sources.store.extents(&streams).await?;
    let opened = members.into_iter().zip(extents).map(|(member, extent)| {
        let head = member.open(extent).max(extent.next);
        (member, Extent { next: head, ..extent })
    });
    Ok(opened.collect())
}

fn view(sources: &Sources, filter: Option<&str>, encoding: Encoding) -> Result<View, Refusal> {
    let filter = filter.map(|text| {
        sources.filters.get(text).map_err(|error| {
            let details = Details {
                position: Some(error.position),
                ..Details::default()
            };
            Refusal::with("bad_filter", error.to_string(), details)
        })
    });
    Ok(View {
        filter: filter.transpose()?,
        encoding,
    })
}

fn targets(texts: &[String], asker: &Asker) -> Result<Targets, Refusal> {
    let mut targets = Targets::default();
    let mut seen = HashSet::new();
    for text in texts {
        let bad = |error: lines::NameError| Refusal::new("bad_stream", error.to_string()).about(text);
        let target = match text.as_str() {
            "@me" => Target::Stream(asker.subscriber.personal().clone()),
            text => Target::parse(text).map_err(bad)?,
        };
        if !seen.insert(target.clone()) {
            continue;
        }
        if seen.len() > asker.capacity.streams {
            return Err(asker.capacity.exceeded());
        }
        match target {
            Target::Pattern(pattern) => targets.patterns.push(pattern),
            Target::Stream(name) if !may(&asker.subscriber, Action::Read, &name) => {
                let message = "there is no such stream, or this token may not read it";
                return Err(Refusal::new("stream_not_found", message).about(text));
            }
            Target::Stream(name) if asker.have.contains(&name) => {
                let message = "another subscription of this session has the stream already";
                return Err(Refusal::new("duplicate_stream", message).about(text));
            }
            Target::Stream(name) => targets.names.push(name),
        }
    }
    Ok(targets)
}

async fn place(sources: &Sources, from: &From, asker: &Asker) -> Result<Place, Refusal> {
    let (cursors, epoch) = match from {
        From::Live => return Ok(Place::Live),
        From::Last(count) => return Ok(Place::Last(*count)),
        From::Since(since) => return Ok(Place::Since(*since)),
        From::Cursors { cursors, epoch } => (cursors, epoch),
    };
    let ours = sources.store.epoch().await.map_err(away)?;
    if epoch != ours.as_str() {
        let message = "the cursors belong to another database: begin again without them";
        let details = Details {
            epoch: Some(ours.to_string()),
            ..Details::default()
        };
        return Err(Refusal::with("wrong_epoch", message, details));
    }
    let read = |(text, offset): (&String, &u64)| match asker.subscriber.names(text) {
        Ok(name) => Ok((name, Offset(*offset))),
        Err(error) => Err(Refusal::new("bad_from", error.to_string()).about(text)),
    };
    cursors
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map(Place::Cursors)
}

async fn placed(
    sources: &Sources,
    streams: Vec<(Member, Extent)>,
    place: &Place,
) -> Result<Vec<Beginning>, Refusal> {
    let place_one = |(member, extent): (Member, Extent)| async move {
        let (cursor, wanted) = place.of(sources, member.stream(), extent).await.map_err(away)?;
        if cursor > extent.next {
            return Err(ahead(&member, extent.next));
        }
        Ok(Beginning {
            cursor: cursor.max(extent.first_available),
            member,
            extent,
            wanted,
        })
    };
    stream::iter(streams.into_iter().map(place_one))
        .buffered(SINCE_AT_ONCE)
        .try_collect()
        .await
}

impl Place {
    /// Whether a session goes on that was there before. What its patterns meet begins anew only where it stood nowhere.
    fn goes_on(&self) -> bool {
        matches!(self, Self::Cursors(_))
    }

    /// Whether it stood somewhere in a stream.
    fn has(&self, stream: &StreamName) -> bool {
        matches!(self, Self::Cursors(cursors) if cursors.contains_key(stream))
    }

    /// Where a stream begins, if retention allows it; and the line that was asked for by its offset, where retention
    /// does not. Only a cursor may lie beyond the head.
    pub(crate) async fn of(
        &self,
        sources: &Sources,
        stream: &StreamName,
        extent: Extent,
    ) -> Result<(Offset, Option<Offset>), StoreAway> {
        let cursor = match self {
            Self::Live => extent.next,
            Self::Last(count) => Offset(extent.next.0.saturating_sub(*count)),
            Self::Since(since) => sources.store.first_since(stream, *since).await?.min(extent.next),
            Self::Cursors(cursors) => match cursors.get(stream) {
                Some(&cursor) => return Ok((cursor, (cursor < extent.first_available).then_some(cursor))),
                None => extent.first_available,
            },
        };
        Ok((cursor, None))
    }
}

fn ahead(member: &Member, next: Offset) -> Refusal {
    let message = format!("the stream has no line {next} yet: no cursor can lie beyond it");
    let details = Details {
        next: Some(next.0),
        ..Details::default()
    };
    Refusal::with("cursor_ahead", message, details).about(member.stream().as_str())
}

fn away(_: impl Into<StoreAway>) -> Refusal {
    unavailable()
}

fn unavailable() -> Refusal {
    let details = Details {
        retry_after_ms: Some(1_000),
        ..Details::default()
    };
    Refusal::with("unavailable", StoreAway.to_string(), details)
}
