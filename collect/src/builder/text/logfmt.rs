//! logfmt: `level=error ts=2026-11-30T05:00:00Z msg="cannot connect"`.

use super::cursor::Cursor;

/// So many pairs are looked at, so long is a key at most.
const MOST: usize = 24;
const LONGEST_KEY: usize = 48;

/// Hands over the pairs that stand here one after another, as long as `wanted` asks for more. Answers whether there is
/// any.
pub(super) fn pairs<'l>(cursor: &mut Cursor<'l>, mut see: impl FnMut(&'l str, &'l str) -> bool) -> bool {
    for nth in 0..MOST {
        cursor.skip_blanks_and_colours();
        let Some((key, value)) = pair(cursor) else {
            return nth > 0;
        };
        if !see(key, value) {
            return true;
        }
    }
    true
}

fn pair<'l>(cursor: &mut Cursor<'l>) -> Option<(&'l str, &'l str)> {
    let bytes = cursor.bytes();
    let key = bytes
        .iter()
        .take(LONGEST_KEY)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"._-@/".contains(byte))
        .count();
    if key == 0
        || bytes.get(key) != Some(&b'=')
        || !bytes[0].is_ascii_alphabetic() && bytes[0] != b'@' && bytes[0] != b'_'
    {
        return None;
    }
    let name = cursor.next(key);
    cursor.advance(key + 1);
    let value = match cursor.peek() {
        Some(b'"') => {
            let inside = quoted(cursor.bytes())?;
            let value = cursor.next(inside + 1);
            cursor.advance(inside + 2);
            value.get(1..)?
        }
        _ => {
            let value = cursor.next(cursor.token());
            cursor.advance(value.len());
            value
        }
    };
    Some((name, value))
}

/// How many bytes stand between the quotes that begin here.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..)?) {
        at += found;
        if bytes[at] == b'"' {
            return Some(at - 1);
        }
        at += 2;
    }
    None
}
