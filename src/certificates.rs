//! The certificate that a listener shows: read from files when the node starts, and again whenever these change, since whoever
//! renews it does not restart the node.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use auth::token::unix_now;
use edge::{Certificate, Tls};
use tokio_util::sync::CancellationToken;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// No chain of certificates is nearly as large, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// Where a certificate and its key are, both as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// The listener's own certificate, then those that lead to one that clients know.
    pub certificate: PathBuf,
    /// The key that belongs to it.
    pub key: PathBuf,
}

/// What stands in both, or why that cannot be read.
type Content = Result<(Vec<u8>, Vec<u8>), String>;

impl Files {
    /// Reads both. An error names the file, and nothing of what is in it.
    pub(crate) fn read(&self) -> Result<Certificate, String> {
        self.certificate_in(&self.content())
    }

    fn content(&self) -> Content {
        Ok((content(&self.certificate)?, content(&self.key)?))
    }

    fn certificate_in(&self, content: &Content) -> Result<Certificate, String> {
        let (certificate, key) = content.as_ref().map_err(String::clone)?;
        Certificate::from_pem(certificate, key).map_err(|error| {
            let file = if error.is_of_key() {
                &self.key
            } else {
                &self.certificate
            };
            format!("{}: {error}", file.display())
        })
    }
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |why: String| format!("{} cannot be read: {why}", path.display());
    // What can be read once only, or for ever, is not read: a pipe, a device.
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(unreadable("it is no file".to_owned())),
        Ok(_) => {}
        Err(error) => return Err(unreadable(error.to_string())),
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(read) if read as u64 > MOST_BYTES => Err(unreadable("it has more than 1 MiB".to_owned())),
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// Keeps what a listener shows as the files have it.
pub(crate) struct Follower {
    files: Files,
    listener: &'static str,
    tls: Tls,
    shown: Certificate,
    /// What the files held when they were heeded last, good or not.
    heeded: u64,
    /// What was told that it does not hold today: judged at each look until it does.
    told: Option<u64>,
    /// What they hold since the last look, while that may go on changing.
    unsettled: Option<u64>,
}

impl Follower {
    /// Reads the files for the first time. A certificate that does not hold at the moment is shown all the same: it is the
    /// only one that there is, and clients judge it.
    pub(crate) fn start(files: Files, listener: &'static str) -> anyhow::Result<Self> {
        let content = files.content();
        let heeded = print(&content);
        let shown = files.certificate_in(&content).map_err(anyhow::Error::msg);
        let shown = shown.context("the node cannot speak TLS")?;
        if !shown.holds_at(unix_now()) {
            let (file, until) = (files.certificate.display(), date(shown.until()));
            tracing::warn!(listener, %file, until, "the certificate does not hold today: clients will refuse it");
        }
        let follower = Self {
            tls: Tls::new(&shown),
            files,
            listener,
            shown,
            heeded,
            told: None,
            unsettled: None,
        };
        follower.measure(false);
        Ok(follower)
    }

    /// What the listener is given.
    pub(crate) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Looks at the files until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = stop.cancelled() => return,
            }
            let files = self.files.clone();
            if let Ok(content) = tokio::task::spawn_blocking(move || files.content()).await {
                self.look(&content, unix_now());
            }
        }
    }

    /// Shows what the files hold once they hold the same at two looks: one of the two may be written before the other.
    fn look(&mut self, content: &Content, now: i64) {
        let print = print(content);
        if print == self.heeded {
            self.unsettled = None;
            if self.told.take().is_some() {
                self.measure(false);
            }
            return;
        }
        if self.unsettled.replace(print) != Some(print) {
            return;
        }
        match self.better(content, now) {
            Ok(certificate) => {
                (self.heeded, self.told) = (print, None);
                self.tls.show(&certificate);
                self.shown = certificate;
                self.measure(false);
                let (listener, until) = (self.listener, date(self.shown.until()));
                let names = self.shown.names().join(", ");
                tracing::info!(listener, names, until, "another certificate is shown from now on");
            }
            Err(Refusal::Today(_)) if self.told == Some(print) => {}
            Err(refusal) => {
                let error = match refusal {
                    Refusal::ForGood(error) => {
                        (self.heeded, self.told) = (print, None);
                        error
                    }
                    Refusal::Today(error) => {
                        self.told = Some(print);
                        error
                    }
                };
                self.measure(true);
                let listener = self.listener;
                tracing::error!(
                    listener,
                    error,
                    "the new certificate is refused, and the last good one goes on"
                );
            }
        }
    }

    fn better(&self, content: &Content, now: i64) -> Result<Certificate, Refusal> {
        let certificate = self.files.certificate_in(content).map_err(Refusal::ForGood)?;
        if certificate.holds_at(now) || !self.shown.holds_at(now) {
            return Ok(certificate);
        }
        let (file, until) = (self.files.certificate.display(), date(certificate.until()));
        Err(Refusal::Today(format!(
            "{file}: it does not hold today (until {until}), and the last one does"
        )))
    }

    fn measure(&self, refused: bool) {
        metrics::gauge!("tailcast_tls_certificate_expires_timestamp_seconds", "listener" => self.listener)
            .set(self.shown.until() as f64);
        metrics::gauge!("tailcast_tls_certificate_refused", "listener" => self.listener)
            .set(f64::from(u8::from(refused)));
    }
}

/// Why what the files hold is not shown.
#[derive(Debug)]
enum Refusal {
    /// It is not good.
    ForGood(String),
    /// It does not hold now, and another one does.
    Today(String),
}

/// To see whether files have changed without keeping what stands in them.
fn print(content: &Content) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

/// A time of a certificate, for people.
pub(crate) fn date(unix: i64) -> String {
    let time = jiff::Timestamp::from_second(unix);
    time.map_or_else(|_| unix.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// A certificate of `name` with its key, which ends in such a year.
    fn pair(name: &str, until: i32) -> (Vec<u8>, Vec<u8>) {
        let mut wanted = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
        wanted.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = wanted.self_signed(&key).unwrap();
        (certificate.pem().into(), key.serialize_pem().into())
    }

    fn follower(folder: &tempfile::TempDir, (certificate, key): &(Vec<u8>, Vec<u8>)) -> Follower {
        let files = Files {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        Follower::start(files, "public").unwrap()
    }

    fn shown(follower: &Follower) -> String {
        follower.shown.names().join(" ")
    }

    #[test]
    fn what_is_half_written_is_not_heeded_and_what_stays_is() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (pair("old.example", 2100), pair("new.example", 2100));
        let mut follower = follower(&folder, &old);
        let half = Ok((new.0.clone(), old.1.clone()));
        follower.look(&half, NOW);
        follower.look(&Ok(new.clone()), NOW);
        assert_eq!(shown(&follower), "old.example");
        follower.look(&Ok(new), NOW);
        assert_eq!(shown(&follower), "new.example");
    }

    #[test]
    fn one_that_begins_later_is_shown_once_it_holds_or_the_last_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let old = pair("old.example", 2100);
        let mut follower = follower(&folder, &old);
        let ended = pair("ended.example", 2021);
        for _ in 0..4 {
            follower.look(&Ok(ended.clone()), NOW);
            assert_eq!(shown(&follower), "old.example");
        }
        // The same files, at a time when they hold.
        follower.look(
            &Ok(ended.clone()),
            rcgen::date_time_ymd(2020, 6, 1).unix_timestamp(),
        );
        assert_eq!(shown(&follower), "ended.example");
    }

    #[test]
    fn a_bad_one_leaves_the_last_good_one_and_says_what_is_wrong_and_where() {
        let folder = tempfile::tempdir().unwrap();
        let (old, ended) = (pair("old.example", 2100), pair("new.example", 2021));
        let mut follower = follower(&folder, &old);
        let cases: [(Content, &str); 7] = [
            (
                Ok((pair("x.example", 2100).0, old.1.clone())),
                "key.pem: the key does not belong",
            ),
            (
                Ok((Vec::new(), old.1.clone())),
                "certificate.pem: there is no certificate in it",
            ),
            (Ok((old.0.clone(), Vec::new())), "key.pem: there is no key in it"),
            (
                Ok((
                    old.0.clone(),
                    b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_vec(),
                )),
                "key.pem: the key cannot be used",
            ),
            (
                Ok((
                    b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
                    old.1.clone(),
                )),
                "certificate.pem: a certificate in it cannot be read",
            ),
            (
                Ok(ended.clone()),
                "certificate.pem: it does not hold today (until 2021-01-01T00:00:00Z)",
            ),
            (Err("it is gone".to_owned()), "it is gone"),
        ];
        for (content, why) in cases {
            let (Refusal::ForGood(refused) | Refusal::Today(refused)) =
                follower.better(&content, NOW).unwrap_err();
            assert!(refused.contains(why), "{refused}");
            follower.look(&content, NOW);
            follower.look(&content, NOW);
            assert_eq!(shown(&follower), "old.example");
        }
        // Once the old one has ended, one that has ended as well is no worse.
        let later = follower.shown.until() + 1;
        assert!(follower.better(&Ok(ended), later).is_ok());
    }
}
