//! A session as a text, for a page that comes after this one. It may come back from anywhere, in any state.

use std::time::Duration;

use socketio_client_core::{Carrier, Offset, SavedLink, SavedSession};

use super::clock::millis;

/// The shape of the text.
const VERSION: &str = "1";
/// Unix times in milliseconds are below this until the year 5138.
const LATEST: u64 = 100_000_000_000_000;

pub(super) fn write(saved: &SavedSession) -> String {
    let SavedSession { pid, offset, claimed, heard, link } = saved;
    let carrier = match link.carrier {
        Carrier::WebSocket => 0,
        Carrier::Upgraded => 1,
        Carrier::Polling => 2,
    };
    let offset = offset.map_or_else(String::new, |offset| offset.to_string());
    let (heard, noticed_by) = (millis(*heard), millis(link.noticed_by));
    // The server's own texts, which may have anything in them, come last: one, how long it is, and the other.
    let how = carrier * 2 + u8::from(*claimed);
    let SavedLink { sid, .. } = link;
    format!("{VERSION} {how} {heard} {noticed_by} {offset} {} {sid}{pid}", sid.len())
}

pub(super) fn read(text: &str) -> Option<SavedSession> {
    let mut parts = text.splitn(7, ' ');
    let mut next = || parts.next();
    let version = next()?;
    let how: u8 = next()?.parse().ok()?;
    let mut time = || next()?.parse().ok().filter(|millis| *millis < LATEST).map(Duration::from_millis);
    let (heard, noticed_by) = (time()?, time()?);
    let offset = match next()? {
        "" => None,
        text => Some(Offset::parse(text)?),
    };
    let length = next()?.parse().ok()?;
    let (sid, pid) = next()?.split_at_checked(length)?;
    let carrier = match how / 2 {
        0 => Carrier::WebSocket,
        1 => Carrier::Upgraded,
        2 => Carrier::Polling,
        _ => return None,
    };
    if version != VERSION || sid.is_empty() || pid.is_empty() {
        return None;
    }
    let link = SavedLink { sid: sid.to_owned(), carrier, noticed_by };
    Some(SavedSession { pid: pid.to_owned(), offset, claimed: how % 2 == 1, heard, link })
}
