//! What is taken for an offset, and what is not.

use alloc::format;
use alloc::string::String;

use super::*;
use crate::rng::Rng;

#[test]
fn what_is_replayed_does_not_lead_back() {
    let mut known = Known::default();
    assert!(note(&mut known, stream(5, 0)));
    // It had come before without its offset. Another process would hear of the fifth again, from here.
    assert_eq!(known.note(stream(3, 0), true, Instant::default(), TODAY), Noted::New);
    assert_eq!(known.last(), Some(stream(5, 0)));
    assert_eq!(known.note(stream(6, 0), true, Instant::default(), TODAY), Noted::New);
    assert_eq!(known.last(), Some(stream(6, 0)));
    // Live ones that are late do: what is between them may be late too.
    assert!(note(&mut known, stream(4, 0)));
    assert_eq!(known.last(), Some(stream(4, 0)));
}

#[test]
fn below_the_last_is_what_is_replayed_after_the_clock_was_set_back() {
    let mut known = Known::default();
    assert!(note(&mut known, memory(700)));
    assert!(note(&mut known, memory(40)));
    assert_eq!(known.last(), Some(memory(700)), "it may be a text of the application's");
    assert_eq!(known.note(memory(40), true, Instant::default(), TODAY), Noted::Known);
    assert_eq!(known.note(memory(50), true, Instant::default(), TODAY), Noted::New);
    assert_eq!(known.last(), Some(memory(50)));
}

const TODAY: Duration = Duration::from_millis(1_795_252_804_095);

fn stream(millis: u64, count: u64) -> Offset {
    Offset { shape: Shape::Stream, millis: 1_795_252_804_095 + millis, count }
}

fn memory(millis: u64) -> Offset {
    Offset { shape: Shape::Memory, ..stream(millis, 0) }
}

fn note(known: &mut Known, offset: Offset) -> bool {
    known.note(offset, false, Instant::default(), TODAY) != Noted::Known
}

#[test]
fn what_came_before_is_known_only_after_a_replay() {
    let mut known = Known::default();
    assert!(note(&mut known, stream(1, 0)));
    assert!(note(&mut known, stream(1, 0)), "a server that repeats itself is believed");
    known.replayed();
    assert!(!note(&mut known, stream(1, 0)));
    assert!(note(&mut known, stream(2, 0)));
    assert!(!note(&mut known, stream(2, 0)));
}

#[test]
fn a_replay_is_over_once_twice_as_much_has_come_as_is_known() {
    let mut known = Known::default();
    known.replayed();
    for millis in 0..2 * MOST as u64 - 1 {
        assert!(note(&mut known, stream(millis, 0)));
    }
    let last = stream(2 * MOST as u64 - 2, 0);
    assert!(!note(&mut known, last), "it may be the end of what comes again");
    assert!(note(&mut known, last));
}

#[test]
fn an_event_without_offset_answers_for_one() {
    let mut known = Known::default();
    known.note_without(|| unreachable!("nothing is replayed that came before the first offset"));
    assert!(!known.came_without(|| unreachable!()));
    assert!(note(&mut known, stream(1, 0)));
    known.note_without(|| 7);
    assert!(!known.came_without(|| 8));
    assert!(known.came_without(|| 7));
    assert!(!known.came_without(|| 7));
}

#[test]
fn an_overlap_ends_at_an_offset_that_exists() {
    let mut known = Known::default();
    assert_eq!(known.resume_from(Duration::from_millis(100)), None);
    for (millis, count) in [(0, 0), (40, 0), (60, 1), (150, 0), (130, 2)] {
        note(&mut known, stream(millis, count));
    }
    let from = |millis| known.resume_from(Duration::from_millis(millis));
    assert_eq!(from(0), Some(stream(130, 2)));
    assert_eq!(from(70), Some(stream(60, 1)));
    assert_eq!(from(100), Some(stream(0, 0)));
    assert_eq!(from(1000), Some(stream(0, 0)));
}

#[test]
fn the_first_shape_is_locked() {
    let mut known = Known::default();
    note(&mut known, stream(1, 0));
    note(&mut known, memory(9));
    assert_eq!(known.last(), Some(stream(1, 0)));
}

const YEAR: u64 = 365 * NEAR;
const SEEDS: u64 = if cfg!(miri) { 1 } else { 200 };

fn at(known: &mut Known, offset: Offset, now: u64) {
    let today = TODAY + Duration::from_millis(now);
    known.note(offset, false, Instant::from_millis(now), today);
}

#[test]
fn a_wrong_clock_is_found_out_by_those_that_advance_with_ours() {
    let mut known = Known::default();
    for now in [0, 20_000] {
        at(&mut known, stream(YEAR, 0), now);
    }
    for now in [30_000, 60_000, 80_000, 81_000, 100_000] {
        at(&mut known, stream(YEAR + now, 0), now);
    }
    assert_eq!(known.last(), None, "the same text again, and three steps");
    at(&mut known, stream(YEAR + 400_000, 0), 110_000);
    at(&mut known, stream(YEAR + 120_000, 0), 120_000);
    assert_eq!(known.last(), None, "another text");
    for now in [140_000, 160_000, 180_000, 200_000] {
        at(&mut known, stream(YEAR + now + 4000, 0), now);
    }
    assert_eq!(known.last(), Some(stream(YEAR + 204_000, 0)));
    at(&mut known, stream(YEAR + 201_000, 0), 201_000);
    assert_eq!(known.last(), Some(stream(YEAR + 201_000, 0)));
    at(&mut known, stream(500, 0), 202_000);
    assert_eq!(known.last(), Some(stream(YEAR + 201_000, 0)), "the server's day is another now");
}

#[test]
fn a_true_offset_ends_a_suspicion() {
    let mut known = Known::default();
    for now in (0..10 * 60_000).step_by(20_000) {
        at(&mut known, stream(YEAR + now, 0), now);
        if now % 60_000 == 0 {
            at(&mut known, stream(now, 1), now);
        }
        assert_eq!(known.last().unwrap().count, 1);
    }
}

/// A text that could be an offset: of seven digits, a word, a date, a number that is counted, another id.
fn text(kind: u64, rng: &mut Rng, counted: u64) -> String {
    const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    let words = ["started", "starter", "stopped", "deleted", "success", "message", "Quality", "offline"];
    let digit = |rng: &mut Rng| char::from(DIGITS[rng.between(0, 63) as usize]);
    match kind {
        0 | 1 => (0..7).map(|_| digit(rng)).collect(),
        // Those that have most in common.
        2 => "user".chars().chain((0..3).map(|_| digit(rng))).collect(),
        3 => words[rng.between(0, 7) as usize].into(),
        4 => format!("{}-{:02}", rng.between(1999, 2030), rng.between(1, 12)),
        5 => format!("{:013}-{}", rng.between(0, 9_999_999_999_999), rng.between(0, 3)),
        6 => format!("{:08x}{:016x}", rng.between(0, 0xffff_ffff), rng.next()),
        7 => format!("user{:03}", counted % 1000),
        8 => format!("t{:06}", counted % 1_000_000),
        _ => format!("{:07}", counted % 10_000_000),
    }
}

#[test]
fn texts_of_the_applications_leave_the_last_offset_where_it_is() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let mut known = Known::default();
        // Some talk a lot, some count as fast as a film runs.
        let pause = [41, 1000, 16_000, 60_000][rng.between(0, 3) as usize];
        let (one_in, counts) = (rng.between(2, 2000), rng.between(0, 1) == 1);
        let make = [memory, |millis| stream(millis, 0)][rng.between(0, 1) as usize];
        let (mut now, mut last) = (0, make(0));
        at(&mut known, last, now);
        for counted in 0..3000 {
            now += if counts { pause } else { rng.between(0, 2 * pause) };
            if rng.between(1, one_in) == 1 {
                last = make(now);
                at(&mut known, last, now);
            } else {
                let kind = if counts { 7 + seed % 3 } else { rng.between(0, 9) };
                let Some(offset) = Offset::parse(&text(kind, &mut rng, counted)) else { continue };
                let today = u64::try_from(TODAY.as_millis()).unwrap() + now;
                if offset.millis.abs_diff(today) > NEAR {
                    at(&mut known, offset, now);
                }
            }
            assert_eq!(known.last(), Some(last), "seed {seed}, event {counted}");
        }
    }
}

#[test]
fn a_server_whose_clock_is_wrong_is_believed_within_minutes() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let mut known = Known::default();
        let (wrong, pause) = (rng.between(2 * NEAR, 20 * YEAR), rng.between(1, 60_000));
        let longest = u64::from(ENOUGH) * (micros(APART) / 1000 + pause) + pause;
        let (mut now, mut sent) = (0, 0);
        while now < 2 * longest {
            sent += rng.between(1, pause);
            // It was a while on its way.
            now = now.max(sent + rng.between(0, STEADY / 2));
            at(&mut known, memory(sent + wrong), now);
            let behind = known.last().is_none_or(|last| last != memory(sent + wrong));
            assert!(!behind || now <= longest + STEADY, "seed {seed}, at {now}");
        }
    }
}

#[test]
fn how_far_a_clock_may_be_off() {
    let day = 24 * 60 * 60 * 1000;
    for (millis, is_near) in [(day, true), (day + 1, false)] {
        let mut known = Known::default();
        note(&mut known, stream(millis, 0));
        assert_eq!(known.last().is_some(), is_near);
        let mut known = Known::default();
        known.note(stream(0, 0), false, Instant::default(), TODAY + Duration::from_millis(millis));
        assert_eq!(known.last().is_some(), is_near);
    }
    for (off, is_steady) in [(-5_001, false), (-5_000, true), (5_000, true), (5_001, false)] {
        let mut known = Known::default();
        for now in [0, 20_000, 40_000, 60_000] {
            at(&mut known, stream(2 * day + now, 0), now);
        }
        at(&mut known, stream((2 * day + 80_000).saturating_add_signed(off), 0), 80_000);
        assert_eq!(known.last().is_some(), is_steady, "{off}");
    }
}

#[test]
fn the_ring_is_bounded() {
    let mut known = Known::default();
    for millis in 0..5000 {
        note(&mut known, stream(millis, 0));
        known.note_without(|| millis);
    }
    assert_eq!(known.len(), MOST);
}
