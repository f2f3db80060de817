//! Faults that the simulator has to find: only in builds with `--cfg socketio_faults`, and there only the one that is chosen.

/// Whether a fault is shown. `false` in every other build.
#[cfg(socketio_faults)]
macro_rules! fault {
    ($name:ident) => {
        $crate::fault::Fault::$name.is_chosen()
    };
}

#[cfg(not(socketio_faults))]
macro_rules! fault {
    ($name:ident) => {
        false
    };
}

#[cfg(socketio_faults)]
pub use named::Fault;

#[cfg(socketio_faults)]
mod named {
    use core::sync::atomic::{AtomicU8, Ordering};

    /// 0 for none.
    static CHOSEN: AtomicU8 = AtomicU8::new(0);

    /// What a client of this kind may do wrong.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// A message counts, whichever transport it came on.
        TransportUnchecked = 1,
        /// With each connection ack ids begin anew.
        AckIdsReused,
        /// What a volatile event ends in is taken for an offset, though it lies before the last.
        VolatileOffset,
        /// What has not left is lost with the connection.
        BufferNotPutBack,
        /// What is left of a packet, its attachments, goes out on the next connection.
        HalfPacketResent,
        /// Delays are spread and then capped, so that at the cap all are the same.
        JitterBeforeCap,
        /// A session is claimed once more though the server may still serve the claim before.
        SecondClaim,
        /// An answer that nobody waits for goes to the next emit that waits for one.
        LateAckSettlesNext,
        /// What was missed is delivered before the namespace is joined.
        ReplayBeforeAnswer,
        /// A new connection does not have sent again what the last one has sent.
        WindowNotReset,
        /// Another process begins with the ids of the one before.
        OutboxIdReused,
        /// A ping does not prolong the session.
        HeartbeatNotMoved,
    }

    impl Fault {
        /// All of them.
        pub const ALL: [Self; 12] = [
            Self::TransportUnchecked,
            Self::AckIdsReused,
            Self::VolatileOffset,
            Self::BufferNotPutBack,
            Self::HalfPacketResent,
            Self::JitterBeforeCap,
            Self::SecondClaim,
            Self::LateAckSettlesNext,
            Self::ReplayBeforeAnswer,
            Self::WindowNotReset,
            Self::OutboxIdReused,
            Self::HeartbeatNotMoved,
        ];

        /// In words.
        #[must_use]
        pub const fn name(self) -> &'static str {
            match self {
                Self::TransportUnchecked => "no check of the transport's id",
                Self::AckIdsReused => "ack ids reused",
                Self::VolatileOffset => "offset taken from a volatile event",
                Self::BufferNotPutBack => "buffer not put back",
                Self::HalfPacketResent => "half a packet re-sent",
                Self::JitterBeforeCap => "jitter before the cap",
                Self::SecondClaim => "a second claim of a session",
                Self::LateAckSettlesNext => "a late ack settles the next emit",
                Self::ReplayBeforeAnswer => "replayed events delivered before CONNECT's answer",
                Self::WindowNotReset => "window not reset after a reconnect",
                Self::OutboxIdReused => "outbox id reused after a crash",
                Self::HeartbeatNotMoved => "heartbeat deadline not moved by a ping",
            }
        }

        /// Every client of this process shows it from now on, and no other one.
        pub fn choose(fault: Option<Self>) {
            CHOSEN.store(fault.map_or(0, |fault| fault as u8), Ordering::SeqCst);
        }

        pub(crate) fn is_chosen(self) -> bool {
            CHOSEN.load(Ordering::Relaxed) == self as u8
        }
    }
}
