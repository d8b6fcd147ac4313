//! Coalescing: a remote party is asked one thing at a time, and what is asked while an answer is awaited goes together
//! in the next question. A thousand sessions that come back at once ask for heads in a few round trips.
//!
//! Knows nothing of what is asked, or whom.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Answers<A> = Pin<Box<dyn Future<Output = Vec<A>> + Send>>;

/// A queue in front of one function that answers many questions at once, in their order.
pub struct Coalescing<Q, A> {
    answer: Box<dyn Fn(Vec<Q>) -> Answers<A> + Send + Sync>,
    /// What an answer is for those who came while it was awaited, if it is one.
    for_all: fn(&A) -> Option<A>,
    /// Where it is asked. `None`: where the first of those who ask is.
    asked_on: Option<Handle>,
    state: Mutex<State<Q, A>>,
}

struct State<Q, A> {
    waiting: Vec<(Q, oneshot::Sender<A>)>,
    busy: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Coalescing<Q, A> {
    /// `answer` gets at least one question and must end within a deadline of its own.
    pub fn new<F>(answer: impl Fn(Vec<Q>) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Vec<A>> + Send + 'static,
    {
        Self::with(answer, |_| None, None)
    }

    /// The same, but what `for_all` makes of an answer is that of all who came while it was awaited, too: a failure, for
    /// which they would wait as long again. And it is asked on the threads of `asked_on`, whoever asks first: those who wait
    /// for the same answer may be served by others, of another priority.
    pub fn sharing<F>(
        answer: impl Fn(Vec<Q>) -> F + Send + Sync + 'static,
        for_all: fn(&A) -> Option<A>,
        asked_on: Handle,
    ) -> Arc<Self>
    where
        F: Future<Output = Vec<A>> + Send + 'static,
    {
        Self::with(answer, for_all, Some(asked_on))
    }

    fn with<F>(
        answer: impl Fn(Vec<Q>) -> F + Send + Sync + 'static,
        for_all: fn(&A) -> Option<A>,
        asked_on: Option<Handle>,
    ) -> Arc<Self>
    where
        F: Future<Output = Vec<A>> + Send + 'static,
    {
        Arc::new(Self {
            answer: Box::new(move |questions| Box::pin(answer(questions))),
            for_all,
            asked_on,
            state: Mutex::new(State {
                waiting: Vec::new(),
                busy: false,
            }),
        })
    }

    /// Puts a question into the queue at once, and answers later. The question is asked even when nobody waits for
    /// the answer any more.
    ///
    /// Whatever happened before this call is seen by the question; an answer under way is never shared with it, unless
    /// it is one [for all](Self::sharing).
    pub fn ask(self: &Arc<Self>, question: Q) -> oneshot::Receiver<A> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        state.waiting.push((question, sender));
        if !mem::replace(&mut state.busy, true) {
            let asking = Arc::clone(self).drain();
            match &self.asked_on {
                Some(there) => there.spawn(asking),
                None => tokio::spawn(asking),
            };
        }
        receiver
    }

    async fn drain(self: Arc<Self>) {
        let _freed = FreedByPanic(&self.state);
        loop {
            let waiting = {
                let mut state = self.state.lock();
                if state.waiting.is_empty() {
                    state.busy = false;
                    return;
                }
                mem::take(&mut state.waiting)
            };
            let (questions, senders): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let answers = (self.answer)(questions).await;
            if let Some(for_all) = answers.iter().find(|answer| (self.for_all)(answer).is_some()) {
                self.answer_waiting(for_all);
            }
            for (sender, answer) in senders.into_iter().zip(answers) {
                // Who asked may have gone.
                let _ = sender.send(answer);
            }
        }
    }

    fn answer_waiting(&self, answer: &A) {
        let waiting = mem::take(&mut self.state.lock().waiting);
        for (_, sender) in waiting {
            if let Some(answer) = (self.for_all)(answer) {
                let _ = sender.send(answer);
            }
        }
    }
}

/// A panic in an answer must not leave it busy for ever.
struct FreedByPanic<'a, Q, A>(&'a Mutex<State<Q, A>>);

impl<Q, A> Drop for FreedByPanic<'_, Q, A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            state.busy = false;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_is_asked_meanwhile_goes_in_one_question() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let heads = Coalescing::new(move |questions: Vec<u32>| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::task::yield_now().await;
                questions.into_iter().map(|q| q * 2).collect()
            }
        });
        let answers: Vec<_> = (0..100).map(|q| heads.ask(q)).collect();
        for (q, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap(), q as u32 * 2);
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(heads.ask(4).await.unwrap(), 8);
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
