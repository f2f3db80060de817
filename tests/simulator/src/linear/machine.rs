//! A core whose shell does nothing but hand over.

use bytes::Bytes;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    Command, Config, EmitOptions, Input, Instant, Limits, Manager, Message, SocketId, SocketOptions,
    TransportId, TransportKind,
};

const HANDSHAKE: &str = r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;

pub(crate) struct Machine {
    pub(crate) manager: Manager<Json>,
    /// Messages that come at a time.
    batch: usize,
    transport: TransportId,
    now: Instant,
}

/// As many as the native shell hands in.
const BATCH: usize = 256;

impl Machine {
    /// With a session in which these namespaces have asked to be connected.
    pub(crate) fn joining<'a>(kind: TransportKind, namespaces: impl IntoIterator<Item = &'a str>) -> Self {
        let limits = Limits {
            message: usize::MAX,
            attachments: usize::MAX,
            attachment_bytes: usize::MAX,
            packets: usize::MAX,
            ..Limits::default()
        };
        let mut config = Config::new("http://hostile.test").expect("a URL");
        (config.transports, config.limits) = (vec![kind], limits);
        (config.buffer_size, config.buffer_bytes) = (usize::MAX, usize::MAX);
        let mut manager = Manager::new(Json, config, 7);
        let now = Instant::default();
        for namespace in namespaces {
            let socket = manager.socket(namespace, SocketOptions::default());
            manager.connect(socket, now);
        }
        let command = manager.poll_command();
        let Some(Command::Open { transport, .. } | Command::Get { transport, .. }) = command else {
            panic!("it opens nothing")
        };
        let mut machine = Self { manager, batch: BATCH, transport, now };
        if kind == TransportKind::Polling {
            machine.run(vec![machine.body(HANDSHAKE.to_owned())]);
        } else {
            machine.manager.handle_input(Input::Opened { transport }, now);
            machine.run(vec![machine.text(HANDSHAKE.to_owned())]);
        }
        machine
    }

    /// With the namespace connected that every server has.
    pub(crate) fn joined(kind: TransportKind) -> Self {
        let mut machine = Self::joining(kind, ["/"]);
        let answer = r#"40{"sid":"n","pid":"p"}"#.to_owned();
        let answer = if kind == TransportKind::Polling { machine.body(answer) } else { machine.text(answer) };
        machine.run(vec![answer]);
        machine
    }

    /// What comes from now on comes alone.
    pub(crate) const fn one_by_one(mut self) -> Self {
        self.batch = 1;
        self
    }

    pub(crate) fn text(&self, text: String) -> Input<Json> {
        Input::Message { transport: self.transport, message: Message::Text(text.into()) }
    }

    pub(crate) fn binary(&self, bytes: &'static [u8]) -> Input<Json> {
        Input::Message { transport: self.transport, message: Message::Binary(Bytes::from_static(bytes)) }
    }

    pub(crate) fn body(&self, body: String) -> Input<Json> {
        Input::Got { transport: self.transport, body: body.into() }
    }

    /// So many events that are handed over, and wait for their acks.
    pub(crate) fn emit(&mut self, count: usize, options: EmitOptions<'_>) {
        let socket: SocketId = self.manager.socket("/", SocketOptions::default());
        for _ in 0..count {
            let payload = Payload::event("e", &()).expect("a payload");
            let options = EmitOptions { ack: true, ..options };
            assert!(self.manager.emit(socket, payload, options, self.now).is_ok());
        }
        self.run(Vec::new());
    }

    /// Hands in what comes in batches, as a shell does, and takes what follows. How much that was.
    pub(crate) fn run(&mut self, inputs: Vec<Input<Json>>) -> usize {
        let mut count = 0;
        let mut inputs = inputs.into_iter().peekable();
        loop {
            self.manager.handle_inputs(inputs.by_ref().take(self.batch), self.now);
            count += std::iter::from_fn(|| self.manager.poll_command()).count();
            count += std::iter::from_fn(|| self.manager.poll_message(self.transport)).count();
            count += std::iter::from_fn(|| self.manager.poll_event()).count();
            if inputs.peek().is_none() {
                return count;
            }
        }
    }
}
