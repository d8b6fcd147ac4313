use std::convert::Infallible;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::{Filter, Line, Lines, StreamName, Timestamp, Verdict};

/// A batch of lines that say and have these.
fn batch(first: u64, lines: &[(Option<Level>, String, String)]) -> Batch {
    let lines: Vec<Line> = lines
        .iter()
        .map(|(level, message, value)| Line {
            ts: Timestamp::from_nanos(0),
            level: *level,
            message: message.clone(),
            fields: vec![(
                "user".to_owned(),
                RawValue::from_string(serde_json::to_string(value).unwrap()).unwrap(),
            )],
        })
        .collect();
    Batch {
        stream: StreamName::parse("s").unwrap(),
        first: Offset(first),
        arrived: Timestamp::from_nanos(0),
        lines: Lines::encode(&lines).unwrap(),
    }
}

fn info(message: &str) -> (Option<Level>, String, String) {
    (Some(Level::Info), message.to_owned(), "Ann".to_owned())
}

/// A sketch with a block for each batch.
fn sketch(batches: &[Batch]) -> Sketch {
    let mut draft = Draft::new(batches[0].first);
    for batch in batches {
        draft.begin();
        draft.add(batch);
    }
    draft.done()
}

/// Which blocks may have lines that the filter finds.
fn asked(sketch: &Sketch, filter: &str) -> u64 {
    let slice = |nth: u32| Ok::<_, Infallible>(sketch.slices.get(nth as usize).cloned());
    let filter = Filter::parse(filter).unwrap();
    sketch.outline.ask(filter.needs(), slice).unwrap()
}

#[test]
fn a_word_is_looked_for_only_where_it_may_be() {
    let messages = [
        "connection refused",
        "order 5518733 paid",
        "Größe \"12\"",
        "queue is empty",
    ];
    let mut offset = 0;
    let batches: Vec<Batch> = messages
        .iter()
        .map(|message| {
            let batch = batch(offset, &[info(message), info("request handled")]);
            offset += 2;
            batch
        })
        .collect();
    let sketch = sketch(&batches);
    for (filter, blocks) in [
        ("refused", 0b0001),
        ("fuse", 0b0001),
        ("REFUSED OR empty", 0b1001),
        ("5518733", 0b0010),
        ("GRÖSSE", 0b0100),
        (r#""\"12\"""#, 0b0100),
        ("handled", 0b1111),
        ("handled queue", 0b1000),
        ("user:Ann", 0b1111),
        ("user:Bobby", 0),
        ("timeout", 0),
        ("-timeout", 0b1111),
        ("level:info", 0b1111),
        ("level>=warn", 0),
        ("/refus(ed|al)/", 0b0001),
        ("/timed? out/", 0),
    ] {
        assert_eq!(asked(&sketch, filter), blocks, "{filter}");
    }
    let mut places = Vec::new();
    sketch
        .outline
        .places(0b1011, &(Offset(1)..Offset(7)), &mut places);
    assert_eq!(places, [Offset(1)..Offset(4), Offset(6)..Offset(7)]);
}

#[test]
fn a_long_message_is_looked_at_by_an_expression_that_may_give_up_on_it() {
    let long = batch(0, &[info(&"ab".repeat(60_000))]);
    let short = batch(1, &[info("abab")]);
    assert_eq!(asked(&sketch(&[long, short]), "/a[ab]{16}zebra/"), 0b01);
}

#[test]
fn lines_with_too_much_in_them_have_no_sketch_and_may_have_anything() {
    let mut state = 1u64;
    let mut noise = || {
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from_u32(0x400 + (state >> 40) as u32 % 0x3000).unwrap_or('x')
        };
        (0..40_000).map(next).collect::<String>()
    };
    let sketch = sketch(&[batch(0, &[info(&noise())])]);
    assert_eq!((sketch.outline.kinds, sketch.slices.len()), (LAYOUT, 0));
    assert_eq!(asked(&sketch, "nowhere"), 1);
}

#[test]
fn levels_and_lengths_are_known_however_full_a_sketch_is() {
    let mut state = 1u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 20
    };
    let mut next = 0;
    let batches: Vec<Batch> = (0..BLOCKS)
        .map(|_| {
            let lines: Vec<_> = (0..800)
                .map(|_| info(&format!("{:x} {:x}", number(), number())))
                .collect();
            let batch = batch(next, &lines);
            next = batch.next().0;
            batch
        })
        .collect();
    let sketch = sketch(&batches);
    assert_ne!(sketch.outline.kinds, LAYOUT);
    for filter in ["level>=warn", "level:debug", "/(?i)no such words/"] {
        assert_eq!(asked(&sketch, filter), 0, "{filter}");
    }
}

#[test]
fn a_sketch_of_a_kind_that_is_not_known_says_nothing() {
    let mut sketch = sketch(&[batch(0, &[info("a line")])]);
    sketch.outline.kinds |= 0x80;
    assert_eq!(asked(&sketch, "nowhere"), 1);
    sketch.outline.kinds &= !0x80;
    assert_eq!(asked(&sketch, "nowhere"), 0);
    sketch.slices.clear();
    assert_eq!(asked(&sketch, "nowhere"), 1);
}

#[test]
fn a_sketch_that_went_bad_says_nothing() {
    let sound = sketch(&[batch(0, &[info("a line")]), batch(1, &[info("another")])]);
    assert_eq!(asked(&sound, "nowhere"), 0);
    let of = |nth: usize| sound.slices[nth].to_vec();
    for bit in [
        0,
        7,
        1000,
        SLICE_BYTES * 8 - 1,
        SLICE_BYTES * 8,
        SLICE_BYTES * 8 + 31,
    ] {
        let mut bad = sound.clone();
        bad.slices = (0..sound.slices.len())
            .map(|nth| {
                let mut slice = of(nth);
                slice[bit / 8] ^= 1 << (bit % 8);
                slice.into()
            })
            .collect();
        assert_eq!(asked(&bad, "nowhere"), 0b11, "{bit}");
    }
    let change = |change: &dyn Fn(&mut Sketch)| {
        let mut bad = sound.clone();
        change(&mut bad);
        asked(&bad, "nowhere")
    };
    assert_eq!(change(&|bad| bad.outline.first = Offset(1)), 0b11);
    assert_eq!(change(&|bad| bad.outline.ends[1] = Offset(40)), 0b11);
    assert_eq!(change(&|bad| bad.outline.kinds ^= 1 << 3), 0b11);
    assert_eq!(change(&|bad| bad.outline.last ^= 1), 0b11);
    assert_eq!(change(&|bad| bad.slices.rotate_left(1)), 0b11);
    assert_eq!(
        change(&|bad| bad
            .slices
            .iter_mut()
            .for_each(|slice| slice.truncate(SLICE_BYTES))),
        0b11
    );

    let kept = |lengths: &[u64], next| {
        let reach = Reach {
            next: Offset(next),
            last: 5,
        };
        Outline::kept(Offset(7), lengths.iter().copied(), LAYOUT, reach)
    };
    assert!(kept(&[3, 2], 12).is_some_and(|outline| outline.ends == [Offset(10), Offset(12)]));
    assert_eq!(kept(&[3, 3], 12), None);
    assert_eq!(kept(&[], 7), None);
    assert_eq!(kept(&[1; 17], 24), None);
}

fn texts() -> impl Strategy<Value = String> {
    "[abAB0é\u{212a}ß \"\\\\]{0,14}"
}

proptest! {
    #[test]
    fn no_block_is_passed_over_that_has_a_line_which_does_not_differ(
        blocks in proptest::collection::vec(
            proptest::collection::vec(
                (proptest::option::of(proptest::sample::select(&Level::ALL[..])), texts(), texts()), 1..4),
            1..5),
        word in texts(),
        form in 0usize..7,
        negated in any::<bool>(),
    ) {
        let phrase = serde_json::to_string(&word).unwrap();
        let filter = match form {
            0 => phrase,
            1 => format!("user:{phrase}"),
            2 => format!("user:{phrase}*"),
            3 => format!("level>=warn {phrase}"),
            4 => format!("level:debug OR message:{phrase}*"),
            5 => "/(?i)ab+ab|é[ab0]a/".to_owned(),
            _ => format!("/ab0?/ OR -({phrase} user:*)"),
        };
        let filter = if negated { format!("-({filter})") } else { filter };
        let Ok(parsed) = Filter::parse(&filter) else {
            return Ok(());
        };
        let mut next = 7;
        let batches: Vec<Batch> = blocks
            .iter()
            .map(|lines| {
                let batch = batch(next, lines);
                next = batch.next().0;
                batch
            })
            .collect();
        let may = asked(&sketch(&batches), &filter);
        for (nth, batch) in batches.iter().enumerate() {
            let found = batch.lines.iter().any(|line| parsed.judge(line) != Verdict::Differs);
            prop_assert!(!found || may & (1 << nth) != 0, "{filter}: block {nth}");
        }
    }
}
