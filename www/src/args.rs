//! The command line.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Builds the demonstration pages and serves them, with a Socket.IO chat server beside them.

Usage: cargo run -p www [-- OPTIONS]

  --port N       the port to serve on (default 3000; 0 picks a free one)
  --server URL   let the pages talk to this Socket.IO server instead of the one beside them
  --help         this text";

/// The options, checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// The port to serve on; 0 lets the system choose.
    pub(crate) port: u16,
    /// The Socket.IO server for the page, where it is not ours.
    pub(crate) server: Option<Server>,
}

/// A Socket.IO server elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// As the user wrote it, and as the page hands it to the client.
    pub(crate) url: String,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Reads the command line; `None` asks for the help text.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Option<Args>, String> {
    let mut parsed = Args { port: 3000, server: None };
    let mut args = args;
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let mut value = || inline.clone().or_else(|| args.next()).ok_or(format!("{name} needs a value"));
        match name {
            "--port" => {
                let value = value()?;
                parsed.port = value
                    .parse()
                    .map_err(|_| format!("--port takes a number from 0 to 65535, not '{value}'"))?;
            }
            "--server" => parsed.server = Some(server(value()?)?),
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown option '{arg}'")),
        }
    }
    Ok(Some(parsed))
}

fn server(url: String) -> Result<Server, String> {
    let refused = || format!("--server takes a URL such as http://127.0.0.1:4000, not '{url}'");
    let uri: axum::http::Uri = url.parse().map_err(|_| refused())?;
    let default_port = match uri.scheme_str() {
        Some("http" | "ws") => 80,
        Some("https" | "wss") => 443,
        _ => return Err(refused()),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(refused)?;
    // An IPv6 address is looked up without the brackets that a URL puts around it.
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(default_port);
    Ok(Server { url, host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Option<Args>, String> {
        parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn defaults_and_both_spellings() {
        assert_eq!(line(""), Ok(Some(Args { port: 3000, server: None })));
        assert_eq!(line("--port 0"), Ok(Some(Args { port: 0, server: None })));
        assert_eq!(line("--port=81"), Ok(Some(Args { port: 81, server: None })));
        assert_eq!(line("--port 81 --help"), Ok(None));
    }

    #[test]
    fn server_address() {
        let server = |text: &str| line(&format!("--server {text}")).unwrap().unwrap().server.unwrap();
        assert_eq!(server("http://example.com/chat").port, 80);
        assert_eq!(server("wss://example.com").port, 443);
        assert_eq!(server("http://[::1]:4000").host, "::1");
        assert_eq!(server("http://[::1]:4000").url, "http://[::1]:4000");
    }

    #[test]
    fn refusals_name_the_value() {
        for bad in
            ["--port x", "--port 65536", "--port", "--server", "--server ftp://h", "--server h:1", "--x"]
        {
            let message = line(bad).expect_err(bad);
            assert!(message.contains(bad.split_whitespace().last().unwrap_or(bad)), "{message}");
        }
    }
}
