//! What processes of this machine have used, as Linux tells in `/proc`.

use std::fs;
use std::io;

use serde::Serialize;

/// `/proc` counts CPU time in these on every machine (USER_HZ).
const TICKS_A_SECOND: f64 = 100.0;

/// CPU seconds, memory and writes of one process, or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Usage {
    /// CPU seconds in the program itself.
    pub(super) user: f64,
    /// CPU seconds in the kernel on its behalf.
    pub(super) system: f64,
    /// Resident memory, in bytes.
    pub(super) resident: u64,
    /// Bytes that were given to the disk, since its start; none where this may not be known of it.
    pub(super) written: Option<u64>,
}

impl Usage {
    /// Of a process, since its start.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "/proc looks different here");
        let (user, system) = cpu(&fs::read_to_string(format!("/proc/{pid}/stat"))?).ok_or_else(odd)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            user,
            system,
            resident: resident(&status).ok_or_else(odd)?,
            written: fs::read_to_string(format!("/proc/{pid}/io"))
                .ok()
                .and_then(|io| written(&io)),
        })
    }

    /// Of several processes.
    pub(super) fn of_all(pids: &[u32]) -> Result<Self, (u32, io::Error)> {
        let nothing = Self {
            written: Some(0),
            ..Self::default()
        };
        pids.iter().try_fold(nothing, |sum, &pid| {
            let one = Self::of(pid).map_err(|error| (pid, error))?;
            Ok(Self {
                user: sum.user + one.user,
                system: sum.system + one.system,
                resident: sum.resident + one.resident,
                written: sum.written.zip(one.written).map(|(sum, one)| sum + one),
            })
        })
    }

    /// What was used since, and the memory of now.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            user: self.user - before.user,
            system: self.system - before.system,
            resident: self.resident,
            written: self
                .written
                .zip(before.written)
                .map(|(now, before)| now.saturating_sub(before)),
        }
    }

    pub(super) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Which of these processes are to be measured: one alone is what somebody chose; of several, `tailcast` with another command
/// than `serve` is no server, and said to be left out.
pub(super) fn servers(pids: &[u32]) -> Vec<u32> {
    if pids.len() < 2 {
        return pids.to_vec();
    }
    let is_server = |pid: &u32| {
        let Some(command) = fs::read(format!("/proc/{pid}/cmdline"))
            .ok()
            .and_then(|line| other_command(&line))
        else {
            return true;
        };
        eprintln!("tailcast: process {pid} is `tailcast {command}` and no server: it is not measured");
        false
    };
    pids.iter().copied().filter(is_server).collect()
}

/// The command of a `tailcast` that is no server, from how it was started.
fn other_command(line: &[u8]) -> Option<String> {
    let mut words = line.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let program = words.next()?;
    let is_ours = program.rsplit('/').next() == Some("tailcast");
    let command = words.next().filter(|command| is_ours && command != "serve")?;
    Some(command.into_owned())
}

/// How many files this process may have open; `None` where that cannot be told.
pub(super) fn open_files_limit() -> Option<u64> {
    open_files(&fs::read_to_string("/proc/self/limits").ok()?)
}

/// The 14th and 15th members. The second, the program's name in parentheses, may hold anything.
fn cpu(stat: &str) -> Option<(f64, f64)> {
    let mut members = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut seconds = || Some(members.next()?.parse::<f64>().ok()? / TICKS_A_SECOND);
    Some((seconds()?, seconds()?))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn written(io: &str) -> Option<u64> {
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?;
    line.trim().parse().ok()
}

fn open_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_processes_called_tailcast_only_servers_are_measured() {
        for (line, expected) in [
            (&b"/usr/bin/tailcast\0send\0my/app\0"[..], Some("send")),
            (b"tailcast\0tail\0**\0", Some("tail")),
            (b"tailcast\0serve\0--data\0x\0", None),
            (b"target/release/tailcast\0serve\0", None),
            (b"centrifugo\0send\0", None),
            (b"", None),
        ] {
            assert_eq!(other_command(line).as_deref(), expected);
        }
    }

    #[test]
    fn the_kernels_tables_are_read() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 1075 0 0 20 0 5 0 9 1 2 3";
        assert_eq!(cpu(stat), Some((2.5, 10.75)));
        assert_eq!(
            resident("Name:\tx\nVmRSS:\t   20480 kB\nRssAnon: 1 kB\n"),
            Some(20 << 20)
        );
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(limits), Some(1024));
        let io = "rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: 4096\ncancelled_write_bytes: 5\n";
        assert_eq!(written(io), Some(4_096));
        for odd in ["", "42 (x) S 1", "VmRSS: ?", "write_bytes: ?"] {
            assert_eq!(
                (cpu(odd), resident(odd), open_files(odd), written(odd)),
                (None, None, None, None)
            );
        }
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(Usage::of(std::process::id()).unwrap().resident > 1 << 20);
        assert_eq!(Usage::of_all(&[0]).unwrap_err().0, 0);
    }

    #[test]
    fn what_is_not_known_of_one_is_not_said_of_all() {
        let before = Usage::of_all(&[std::process::id()]).unwrap();
        assert!(before.written.is_some());
        let unknown = Usage {
            written: None,
            ..before
        };
        assert_eq!(unknown.since(&before).written, None);
        assert_eq!(before.since(&before).written, Some(0));
    }
}
