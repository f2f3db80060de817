//! URLs: the application's, and those that become of it.

use std::time::Duration;

use socketio_client_core::codec::Json;
use socketio_client_core::{Address, Command, Config, Instant, Manager, SocketOptions, TransportKind};

use crate::source::Source;

/// A byte of options, a path behind its length, and a URL.
pub(crate) fn run(data: &[u8]) {
    let mut source = Source(data);
    let options = source.byte();
    // What is given as a path is not encoded, as in the JavaScript client.
    let path = source.text().replace(|c: char| !c.is_ascii_graphic() || c == '?' || c == '#', "");
    let Ok(url) = str::from_utf8(source.0) else { return };
    let address = match Address::parse(url) {
        Ok(address) => address,
        Err(error) => {
            assert!(Config::new(url).is_err() && error.url.len() <= url.len(), "{error}");
            return;
        }
    };
    assert!(
        !address.host.is_empty() && address.port > 0 && address.namespace.starts_with('/'),
        "{address:?}"
    );
    let kind = if options & 1 == 0 { TransportKind::Polling } else { TransportKind::WebSocket };
    let mut config = Config::at(address.clone());
    config.transports = vec![kind];
    config.timestamp_requests = Some(options & 2 != 0);
    config.add_trailing_slash = options & 4 != 0;
    config.force_base64 = options & 8 != 0;
    if options & 16 != 0 {
        config.path = path;
    } else {
        config.query = vec![(path.clone(), path)];
    }
    config.timeout = Duration::from_secs(1);
    let query = config.query.clone();
    let mut manager = Manager::new(Json, config, u64::from(options));
    let socket = manager.socket(&address.namespace, SocketOptions::default());
    manager.connect(socket, Instant::from_millis(0));
    let requested = match manager.poll_command() {
        Some(Command::Open { url, .. } | Command::Get { url, .. }) => url,
        // A name that cannot be one of a namespace.
        None if address.namespace.contains(',') => return,
        other => panic!("{other:?} for {url:?}"),
    };
    let clean = |c: char| !c.is_whitespace() && !c.is_control() && c != '#';
    let again = Address::parse(&requested).unwrap_or_else(|error| panic!("{error}, of {url:?}"));
    assert_eq!((again.secure, again.port), (address.secure, address.port), "{requested} of {url:?}");
    assert_eq!(again.host, address.host, "{requested} of {url:?}");
    let (_, after) = requested.split_once('?').unwrap_or_else(|| panic!("no query in {requested}"));
    assert!(after.chars().all(|c| clean(c) && c.is_ascii()), "{requested:?} of {url:?}");
    for pair in query.iter().chain(&address.query) {
        assert!(again.query.contains(pair), "{pair:?} is not in {requested}");
    }
    for pair in [("EIO", "4"), ("transport", kind.as_str())] {
        assert!(again.query.contains(&(pair.0.into(), pair.1.into())), "{pair:?} is not in {requested}");
    }
}
