//! Waits that are shorter than the runtime's timers can tell apart: those have a grain of a millisecond, in which a store may
//! have taken several calls. Where the system has no finer timer, theirs is taken.

use std::time::Duration;

/// What the runtime's timers do well enough.
const COARSE: Duration = Duration::from_millis(2);

/// Rings once after it was set.
pub(super) struct Alarm(fine::Timer);

impl Alarm {
    /// Needs a runtime.
    pub(super) fn new() -> Self {
        Self(fine::Timer::new())
    }

    /// Returns when `bound` has passed.
    pub(super) async fn wait(&self, bound: Duration) {
        if bound >= COARSE || self.0.wait(bound).await.is_err() {
            tokio::time::sleep(bound).await;
        }
    }

    /// It is not to ring any more.
    pub(super) fn stop(&self) {
        self.0.stop();
    }
}

#[cfg(target_os = "linux")]
mod fine {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// One of the kernel's.
    pub(super) struct Timer(io::Result<AsyncFd<OwnedFd>>);

    impl Timer {
        pub(super) fn new() -> Self {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags).map_err(io::Error::from);
            #[expect(
                deprecated,
                reason = "sound with an `OwnedFd`, and what replaces it is unsafe"
            )]
            Self(timer.and_then(|timer| AsyncFd::with_interest(timer, Interest::READABLE)))
        }

        pub(super) async fn wait(&self, bound: Duration) -> io::Result<()> {
            let Ok(timer) = &self.0 else {
                return Err(io::ErrorKind::Unsupported.into());
            };
            // Nothing would stop it.
            set(timer, bound.max(Duration::from_nanos(1)))?;
            loop {
                let mut ready = timer.readable().await?;
                let mut rang = [0; 8];
                let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut rang)?));
                // What would block was told of an earlier time.
                if let Ok(read) = read {
                    return read.map(drop);
                }
            }
        }

        pub(super) fn stop(&self) {
            if let Ok(timer) = &self.0 {
                // One that rings all the same says nothing to the next who waits.
                let _ = set(timer, Duration::ZERO);
            }
        }
    }

    /// None at all means never.
    fn set(timer: &AsyncFd<OwnedFd>, after: Duration) -> io::Result<()> {
        let after = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(after).map_err(io::Error::other)?,
        };
        timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &after)?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod fine {
    use std::io;
    use std::time::Duration;

    /// There is none.
    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) async fn wait(&self, _: Duration) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn stop(&self) {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn it_rings_after_its_time_whatever_it_was_set_to_before() {
        let alarm = Alarm::new();
        for bound in [10, 300, 20, 700, 5_000, 50] {
            let bound = Duration::from_micros(bound);
            let begun = Instant::now();
            alarm.wait(bound).await;
            assert!(begun.elapsed() >= bound, "{bound:?}");
            // One that nobody waits for any more, rung or not.
            let _ = alarm.wait(bound).now_or_never();
            std::thread::sleep(bound / 2);
            alarm.stop();
        }
    }
}
