//! A million emits while offline: they stay within their bounds, and each that was refused or dropped is told.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

use socketio_client_native::{BufferPolicy, Client, EmitError, EmitId, Fate, FateChange, Outgoing};

const EMITS: usize = 1_000_000;
const BYTES: usize = 1 << 20;

/// Kilobytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// How many emits had their first fate, and their last one.
#[derive(Default)]
struct Told {
    first: usize,
    dropped: usize,
    cancelled: usize,
}

impl Told {
    fn count(&mut self, change: &FateChange, policy: BufferPolicy) {
        match change.fate {
            Fate::Held => self.first += 1,
            Fate::Dropped => {
                self.dropped += 1;
                self.first += usize::from(policy == BufferPolicy::DropNewest);
            }
            Fate::Cancelled => self.cancelled += 1,
            other => panic!("{other:?}"),
        }
        let returned = change.event.as_ref().map(Outgoing::event);
        assert_eq!(returned, change.fate.is_final().then_some("reading"), "it is handed back");
    }
}

async fn a_million(policy: BufferPolicy) {
    let client = Client::builder("http://nowhere.test")
        .auto_connect(false)
        .buffer_size(usize::MAX)
        .buffer_bytes(BYTES)
        .buffer_policy(policy)
        .build()
        .unwrap();
    let socket = client.socket("/");
    let mut fates = socket.fates();
    let mut told = Told::default();
    let before = resident();
    let (mut accepted, mut refused, mut most) = (0, 0, before);
    for n in 0..EMITS {
        match socket.emit("reading", &(n, "of some sensor or other")) {
            Ok(_) => accepted += 1,
            Err(EmitError::BufferFull { bytes, .. }) => {
                assert!(bytes <= BYTES, "{bytes}");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
        // What nobody has read yet waits outside the buffer: whoever wants to be told of each has to listen.
        if n % 1_000 == 999 {
            while told.first < accepted {
                told.count(&fates.next().await.unwrap(), policy);
            }
            most = most.max(resident());
        }
    }
    // What is still held, and no more than that, can be taken back.
    let kept = (0..accepted).filter(|n| socket.cancel(EmitId::from_number(*n as u64))).count();
    drop((client, socket));
    while let Some(change) = fates.next().await {
        told.count(&change, policy);
    }
    assert_eq!(told.dropped + told.cancelled + refused, EMITS);
    assert_eq!(told.cancelled, kept);
    // Each is at least so large.
    let least = kept * r#"["reading",0,"of some sensor or other"]"#.len();
    assert!(kept > 0 && least <= BYTES, "{kept}");
    let more = most - before;
    let dropped = told.dropped;
    println!(
        "figures: {policy:?}: {kept} held, {dropped} dropped, {refused} refused, each told; {more} kB more in memory"
    );
    assert!(more * 1024 < 16 * BYTES, "{more}");
}

#[tokio::test]
async fn those_without_room_are_refused_or_dropped() {
    for policy in [BufferPolicy::Refuse, BufferPolicy::DropOldest, BufferPolicy::DropNewest] {
        a_million(policy).await;
    }
}
