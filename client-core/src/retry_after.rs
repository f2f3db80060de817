//! The HTTP header `Retry-After`.

use core::time::Duration;

/// How long a server asks to be left alone: the value of its `Retry-After`, seconds or a date (RFC 9110, section 10.2.3).
/// `unix_now`: seconds since 1970, which a date is compared with; one that is past is no time at all. `None` for what is
/// neither.
///
/// For [`TransportError::Status`](crate::TransportError::Status).
pub fn retry_after(value: &str, unix_now: u64) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    let seconds = if value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large is a long time, not nonsense.
        (!value.is_empty()).then(|| value.parse().unwrap_or(u64::MAX))?
    } else {
        unix_seconds(value)?.saturating_sub(unix_now)
    };
    Some(Duration::from_secs(seconds))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: the one form in which dates are sent today.
fn unix_seconds(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = date.get(5..)?.strip_suffix(" GMT")?.split([' ', ':']);
    let number = |text: &str| text.parse::<u64>().ok();
    let day = number(parts.next()?)?;
    let name = parts.next()?;
    let month = (1..).zip(MONTHS).find_map(|(number, month)| (month == name).then_some(number))?;
    let year = number(parts.next()?)?;
    let [hour, minute, second] = [number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?];
    let valid = (1970..=9999).contains(&year) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    (valid && second <= 60 && parts.next().is_none())
        .then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970. Years begin with March here, so that a leap day is the last one of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let before = year * 365 + year / 4 - year / 100 + year / 400;
    before + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds() {
        for (value, seconds) in [("0", 0), ("120", 120), (" 7\t", 7), ("99999999999999999999", u64::MAX)] {
            assert_eq!(retry_after(value, 0), Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn dates() {
        for (value, now, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 - 30, 30),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 + 30, 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400, 0),
            ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_199, 1),
            ("Wed, 01 Mar 2100 00:00:01 GMT", 4_107_542_400, 1),
        ] {
            assert_eq!(retry_after(value, now), Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn nonsense_is_no_wish() {
        for value in [
            "",
            " ",
            "-1",
            "1.5",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:1 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "ééé GMT",
        ] {
            assert_eq!(retry_after(value, 0), None, "{value}");
        }
    }
}
