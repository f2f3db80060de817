//! Serves the pages and, beside them, the chat server.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::routing::get;
use axum::serve::ListenerExt;
use socketioxide::SocketIo;
use tokio::net::TcpSocket;

use crate::args::Server;
use crate::build::Page;
use crate::chat;

/// Takes the port without opening it: others are refused it, and so are its callers, until [`run`].
pub(crate) fn reserve(port: u16) -> Result<TcpSocket, String> {
    let socket = TcpSocket::new_v4().map_err(|error| format!("cannot make a socket: {error}"))?;
    // Otherwise a port is unusable for a minute after a server with open connections has ended.
    #[cfg(unix)]
    let _ = socket.set_reuseaddr(true);
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(|error| port_error(&error, port))?;
    Ok(socket)
}

fn port_error(error: &std::io::Error, port: u16) -> String {
    let cause = match error.kind() {
        ErrorKind::AddrInUse => "is taken by another program".to_owned(),
        ErrorKind::PermissionDenied => "is reserved for the administrator".to_owned(),
        _ => format!("cannot be used ({error})"),
    };
    format!("port {port} {cause}; choose another with --port N, or --port 0 for any free one")
}

/// Opens the port and serves until the process ends. Without the npm package its page says what is missing.
pub(crate) async fn run(
    port: TcpSocket,
    page: Page,
    package: Result<Vec<u8>, String>,
    server: Option<Server>,
) -> Result<(), String> {
    if let Err(problem) = &package {
        eprintln!("www: {problem}");
    }
    let mut router = files(page, package, server.as_ref());
    if let Some(server) = &server {
        check(server);
    } else {
        let (layer, io) = SocketIo::builder().max_buffer_size(4096).ack_timeout(chat::DELIVERY).build_layer();
        chat::install(&io);
        router = router.layer(layer);
    }

    let wanted = port.local_addr().map_or(0, |address| address.port());
    let listener = port.listen(1024).map_err(|error| port_error(&error, wanted))?;
    let address = listener.local_addr().map_err(|error| format!("cannot read the address: {error}"))?;
    println!("Chat at http://{address} (Ctrl-C ends it)");
    let listener = listener.tap_io(|stream| {
        // Chat frames are small: waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.map_err(|error| format!("stopped serving: {error}"))
}

/// Says so when nothing listens there. Not an error: the page keeps trying, and shows that it does.
fn check(server: &Server) {
    let limit = Duration::from_secs(3);
    // One address of several is enough: `localhost` is also `::1`, where few servers listen.
    let reached = (server.host.as_str(), server.port).to_socket_addrs().and_then(|addresses| {
        let mut outcome = Err(ErrorKind::NotFound.into());
        for address in addresses {
            outcome = std::net::TcpStream::connect_timeout(&address, limit);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    });
    if let Err(error) = reached {
        eprintln!("www: cannot reach {} ({error}); start that server, the page keeps trying", server.url);
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// Everything that the pages consist of; all of their script is ours.
fn files(page: Page, package: Result<Vec<u8>, String>, server: Option<&Server>) -> Router {
    const HTML: &str = "text/html; charset=utf-8";
    const JS: &str = "text/javascript; charset=utf-8";
    const PLAIN: &str = include_str!("../assets/plain.js");
    const HISTORY: &str = include_str!("../assets/history.js");
    let server = escaped(server.map_or("", |server| &server.url));
    let index = include_str!("../assets/index.html").replace("{server}", &server);
    let (package, problem) =
        package.map_or_else(|problem| (None, problem), |module| (Some(module), String::new()));
    // Those over the npm package, with their script.
    let with_package = |html: &str, source: &str| {
        html.replace("{hidden}", if package.is_some() { " hidden" } else { "" })
            .replace("{problem}", &escaped(&problem))
            .replace("{source}", &escaped(source))
            .replace("{server}", &server)
    };
    let plain = with_package(include_str!("../assets/plain.html"), PLAIN);
    let history = with_package(include_str!("../assets/history.html"), HISTORY)
        .replace("{server-source}", &escaped(include_str!("../../tests/servers/history.mjs")));
    let snippets = page
        .snippets
        .into_iter()
        .map(|(path, source)| (format!("/snippets/{path}"), JS, source.into_bytes()));
    [
        ("/", HTML, index.into_bytes()),
        ("/style.css", "text/css; charset=utf-8", include_bytes!("../assets/style.css").to_vec()),
        ("/icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg").to_vec()),
        ("/start.js", JS, include_bytes!("../assets/start.js").to_vec()),
        ("/page.js", JS, page.js.into_bytes()),
        ("/page_bg.wasm", "application/wasm", page.wasm),
        ("/plain.html", HTML, plain.into_bytes()),
        ("/killed.html", HTML, include_bytes!("../assets/killed.html").to_vec()),
        ("/plain.js", JS, PLAIN.into()),
        ("/history.html", HTML, history.into_bytes()),
        ("/history.js", JS, HISTORY.into()),
    ]
    .into_iter()
    .chain(package.map(|module| ("/socketio-client.js", JS, module)))
    .map(|(path, kind, body)| (path.to_owned(), kind, body))
    .chain(snippets)
    .fold(Router::new(), |router, (path, kind, body)| {
        let body = axum::body::Bytes::from(body);
        let headers = [
            (CONTENT_TYPE, kind),
            // The next start may have built something else.
            (CACHE_CONTROL, "no-store"),
            // Scripts and styles come from here only; the socket may go to another server.
            (
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
                 connect-src *; base-uri 'none'; form-action 'none'",
            ),
        ];
        router.route(&path, get(async move || (headers, body)))
    })
}
