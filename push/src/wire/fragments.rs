//! How many fragments a message has, counted on the bytes as they come in: the library joins fragments and does not say
//! how many there were, and a message of empty ones never reaches its bound on bytes.
//!
//! Follows the frames only as far as that needs (RFC 6455 §5.2); what is wrong with one is for the library to say.

/// The longest head of a frame: two bytes, eight of length, four of the mask.
const HEAD_BYTES: usize = 14;

/// Counts the fragments of the message that comes in.
#[derive(Debug)]
pub(crate) struct Fragments {
    most: usize,
    /// Of the message that is under way.
    seen: usize,
    /// Payload of the present frame that is still to come.
    payload: u64,
    /// The head of the present frame, as far as it is there.
    head: [u8; HEAD_BYTES],
    filled: usize,
}

/// A message has more fragments than it may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Fragments {
    pub(crate) fn at_most(most: usize) -> Self {
        Self {
            most,
            seen: 0,
            payload: 0,
            head: [0; HEAD_BYTES],
            filled: 0,
        }
    }

    /// Takes the next bytes of the connection.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.payload).map_or(bytes.len(), |left| left.min(bytes.len()));
            self.payload -= skipped as u64;
            bytes = &bytes[skipped..];
            let Some((&first, rest)) = bytes.split_first() else {
                return Ok(());
            };
            bytes = rest;
            self.head[self.filled] = first;
            self.filled += 1;
            if self.filled == head_length(&self.head, self.filled) {
                self.filled = 0;
                self.payload = payload_length(&self.head);
                self.count(self.head[0])?;
            }
        }
        Ok(())
    }

    /// Whether all that came in is whole messages.
    pub(crate) fn are_between_messages(&self) -> bool {
        self.seen == 0 && self.payload == 0 && self.filled == 0
    }

    fn count(&mut self, first: u8) -> Result<(), TooMany> {
        let (last, control) = (first & 0x80 != 0, first & 0x08 != 0);
        // Pings may come between the fragments, and are none.
        if control {
            return Ok(());
        }
        self.seen += 1;
        match (self.seen > self.most, last) {
            (true, _) => return Err(TooMany),
            (false, true) => self.seen = 0,
            (false, false) => {}
        }
        Ok(())
    }
}

/// How long the head is, as far as its first bytes tell.
fn head_length(head: &[u8; HEAD_BYTES], filled: usize) -> usize {
    if filled < 2 {
        return 2;
    }
    let mask = if head[1] & 0x80 == 0 { 0 } else { 4 };
    mask + match head[1] & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}

fn payload_length(head: &[u8; HEAD_BYTES]) -> u64 {
    let [_, short, rest @ ..] = head;
    match short & 0x7f {
        126 => u64::from(u16::from_be_bytes([rest[0], rest[1]])),
        127 => u64::from_be_bytes([
            rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6], rest[7],
        ]),
        short => u64::from(short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: u8 = 0x1;
    const MORE: u8 = 0x0;
    const PING: u8 = 0x9;
    const LAST: u8 = 0x80;

    /// A masked frame, as clients send them.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload {
            0..=125 => bytes.push(0x80 | payload as u8),
            126..=0xffff => {
                bytes.push(0x80 | 126);
                bytes.extend((payload as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend([0xff; 4]);
        bytes.extend(vec![0x80; payload]);
        bytes
    }

    fn message(fragments: usize, payload: usize) -> Vec<u8> {
        let middle = (1..fragments.saturating_sub(1)).flat_map(|_| frame(MORE, payload));
        match fragments {
            1 => frame(LAST | TEXT, payload),
            _ => frame(TEXT, payload)
                .into_iter()
                .chain(middle)
                .chain(frame(LAST | MORE, payload))
                .collect(),
        }
    }

    #[test]
    fn as_many_fragments_as_there_may_be_pass_again_and_again_however_the_bytes_come() {
        let mut bytes = Vec::new();
        for payload in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            for fragments in [1, 3, 4] {
                bytes.extend(message(fragments, payload));
                bytes.extend(frame(LAST | PING, 4));
            }
        }
        for size in [1, 2, 3, 7, 1024, bytes.len()] {
            let mut fragments = Fragments::at_most(4);
            for piece in bytes.chunks(size) {
                assert_eq!(fragments.read(piece), Ok(()), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn one_fragment_too_many_is_seen_at_once_also_with_pings_in_between() {
        let mut fragments = Fragments::at_most(4);
        assert_eq!(fragments.read(&frame(TEXT, 0)), Ok(()));
        for _ in 0..3 {
            assert_eq!(fragments.read(&frame(LAST | PING, 0)), Ok(()));
            assert_eq!(fragments.read(&frame(MORE, 0)), Ok(()));
        }
        assert_eq!(fragments.read(&frame(MORE, 0)), Err(TooMany));
    }
}
