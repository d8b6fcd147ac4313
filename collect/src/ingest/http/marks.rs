//! `Tailcast-Marks`: what a sender says of lines that are not all of what was written.
//!
//! `3;cut=1048576, 7;partial`: of line 3 of the body so many bytes more were not sent; line 7 had no end when it was sent.

use http::HeaderMap;

use super::Refusal;
use crate::door::{Marks, Told};

/// The header's name.
const MARKS: &str = "tailcast-marks";

/// Lines that are marked, by their number.
pub(super) fn told(headers: &HeaderMap) -> Result<Told, Refusal> {
    let mut told = Told::new();
    for value in headers.get_all(MARKS) {
        let value = value.to_str().map_err(|_| Refusal::BadMarks)?;
        for line in value.split(',') {
            let (number, marks) = line_of(line).ok_or(Refusal::BadMarks)?;
            told.insert(number, marks);
        }
    }
    Ok(told)
}

fn line_of(text: &str) -> Option<(u32, Marks)> {
    let mut parts = text.split(';').map(str::trim);
    let number = parts.next()?.parse().ok().filter(|&number| number > 0)?;
    let mut marks = Marks::default();
    for part in parts {
        match part.split_once('=') {
            None if part == "partial" => marks.partial = true,
            Some(("cut", bytes)) => marks.cut = bytes.parse().ok()?,
            _ => return None,
        }
    }
    Some((number, marks))
}
