//! A session as a text, for a page that comes after this one. It may come back from anywhere, in any state. Both faces share
//! it: a page may have one, and the page after it the other.

use std::time::Duration;

use socketio_client_core::packet::header::push_number;
use socketio_client_core::{Carrier, Offset, Saved, SavedLink, SavedSession};

/// The shape of the text.
const VERSION: &str = "1";
/// Unix times in milliseconds are below this until the year 5138.
const LATEST: u64 = 100_000_000_000_000;

/// What is to be stored; empty: nothing.
pub(crate) fn text(saved: &Saved) -> String {
    match saved {
        Saved::Session(session) => write(session),
        // Which cannot be read: who comes next is told that something is missing.
        Saved::Claimed => "-".to_owned(),
        Saved::Left => String::new(),
    }
}

/// Out of line, so that it is there once.
#[inline(never)]
pub(crate) fn write(saved: &SavedSession) -> String {
    let SavedSession { pid, offset, claimed, heard, link } = saved;
    let carrier: u64 = match link.carrier {
        Carrier::WebSocket => 0,
        Carrier::Upgraded => 1,
        Carrier::Polling => 2,
    };
    let offset = offset.map_or_else(String::new, Offset::to_text);
    let (heard, noticed_by) = (millis(*heard), millis(link.noticed_by));
    // The server's own texts, which may have anything in them, come last: one, how long it is, and the other.
    let how = carrier * 2 + u64::from(*claimed);
    let SavedLink { sid, .. } = link;
    let mut text = VERSION.to_owned();
    for number in [how, heard, noticed_by] {
        text.push(' ');
        push_number(number, &mut text);
    }
    text.push(' ');
    text.push_str(&offset);
    text.push(' ');
    push_number(sid.len() as u64, &mut text);
    text.push(' ');
    text.push_str(sid);
    text.push_str(pid);
    text
}

/// Out of line, so that it is there once.
#[inline(never)]
pub(crate) fn read(text: &str) -> Option<SavedSession> {
    let mut rest = text;
    if next(&mut rest)? != VERSION {
        return None;
    }
    let how = number(&mut rest)?;
    let (heard, noticed_by) = (number(&mut rest)?, number(&mut rest)?);
    let offset = match next(&mut rest)? {
        "" => None,
        text => Some(Offset::parse(text)?),
    };
    let length = usize::try_from(number(&mut rest)?).ok()?;
    let (sid, pid) = rest.split_at_checked(length)?;
    let carrier = match how / 2 {
        0 => Carrier::WebSocket,
        1 => Carrier::Upgraded,
        2 => Carrier::Polling,
        _ => return None,
    };
    if sid.is_empty() || pid.is_empty() {
        return None;
    }
    let link = SavedLink { sid: sid.to_owned(), carrier, noticed_by: Duration::from_millis(noticed_by) };
    let (claimed, heard) = (how % 2 == 1, Duration::from_millis(heard));
    Some(SavedSession { pid: pid.to_owned(), offset, claimed, heard, link })
}

/// What stands before the next space.
#[inline(never)]
fn next<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let at = rest.bytes().position(|byte| byte == b' ')?;
    let part = rest.get(..at)?;
    *rest = rest.get(at + 1..)?;
    Some(part)
}

#[inline(never)]
fn number(rest: &mut &str) -> Option<u64> {
    let text = next(rest)?;
    let digits = text.bytes().map(|byte| u64::from(byte.wrapping_sub(b'0')));
    let number = digits.take(16).try_fold(0, |number, digit| (digit < 10).then_some(number * 10 + digit))?;
    (!text.is_empty() && text.len() < 16 && number < LATEST).then_some(number)
}

/// Rounded up: a timer that comes before its time would be set again for 0 ms, until the clock goes on. Not `as_millis`,
/// which brings 128-bit division.
pub(crate) fn millis(duration: Duration) -> u64 {
    duration.as_secs() * 1_000 + u64::from(duration.subsec_nanos().div_ceil(1_000_000))
}
