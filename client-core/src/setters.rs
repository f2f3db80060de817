//! The options that both Rust faces offer in the same words.

/// Setters of a builder for the [`Config`](crate::Config) behind its method `set(self, impl FnOnce(&mut Config)) -> Self`.
///
/// Both shells' builders expand it, so that an option has one name, one meaning and one text.
#[doc(hidden)]
#[macro_export]
macro_rules! config_setters {
    () => {
        /// The path of requests (`path`). Default `/socket.io`. The URL's own path names a namespace.
        pub fn path(self, path: impl Into<String>) -> Self {
            self.set(|config| config.path = path.into())
        }

        /// Whether the path of requests ends in a slash (`addTrailingSlash`). Default true.
        pub fn add_trailing_slash(self, on: bool) -> Self {
            self.set(|config| config.add_trailing_slash = on)
        }

        /// Transports in order of preference (`transports`). Default WebSocket, then polling: it connects in a tenth of
        /// the time. The JavaScript client's default is the other way round.
        pub fn transports(self, transports: impl IntoIterator<Item = $crate::TransportKind>) -> Self {
            self.set(|config| config.transports = transports.into_iter().collect())
        }

        /// Whether a polling session tries to move to WebSocket (`upgrade`). Default true.
        pub fn upgrade(self, on: bool) -> Self {
            self.set(|config| config.upgrade = on)
        }

        /// Whether an attempt goes on with the next transport when one fails (`tryAllTransports`). Default true; false in
        /// the JavaScript client.
        pub fn try_all_transports(self, on: bool) -> Self {
            self.set(|config| config.try_all_transports = on)
        }

        /// Whether an attempt begins with WebSocket if it worked before (`rememberUpgrade`). Default false.
        pub fn remember_upgrade(self, on: bool) -> Self {
            self.set(|config| config.remember_upgrade = on)
        }

        /// A cache-buster on every request (`timestampRequests`). Default `None`: on polling only.
        pub fn timestamp_requests(self, on: Option<bool>) -> Self {
            self.set(|config| config.timestamp_requests = on)
        }

        /// The cache-buster's name (`timestampParam`). Default `t`.
        pub fn timestamp_param(self, name: impl Into<String>) -> Self {
            self.set(|config| config.timestamp_param = name.into())
        }

        /// Time for a whole attempt, over all transports (`timeout`). Default 20 s. What
        /// [`recovery_takeover_timeout`](Self::recovery_takeover_timeout) allows comes on top.
        pub fn timeout(self, timeout: core::time::Duration) -> Self {
            self.set(|config| config.timeout = timeout)
        }

        /// Time for the server's answer to one namespace's CONNECT. Default 20 s. The JavaScript client waits for ever.
        pub fn connect_timeout(self, timeout: core::time::Duration) -> Self {
            self.set(|config| config.connect_timeout = timeout)
        }

        /// Time for acks whose emit names none (`ackTimeout`). Default none: for ever.
        pub fn ack_timeout(self, timeout: Option<core::time::Duration>) -> Self {
            self.set(|config| config.ack_timeout = timeout)
        }

        /// Whether to connect again by itself (`reconnection`). Default true.
        pub fn reconnection(self, on: bool) -> Self {
            self.set(|config| config.reconnection = on)
        }

        /// Attempts per outage (`reconnectionAttempts`). Default no limit.
        pub fn reconnection_attempts(self, attempts: Option<u32>) -> Self {
            self.set(|config| config.reconnection_attempts = attempts)
        }

        /// The delay before the first attempt (`reconnectionDelay`). Default 1 s. A server that answers with `Retry-After` is
        /// left alone for at least as long as it asks, though for at most ten times the longest delay.
        pub fn reconnection_delay(self, delay: core::time::Duration) -> Self {
            self.set(|config| config.reconnection_delay = delay)
        }

        /// The delay doubles up to this (`reconnectionDelayMax`). Default 5 s.
        pub fn reconnection_delay_max(self, delay: core::time::Duration) -> Self {
            self.set(|config| config.reconnection_delay_max = delay)
        }

        /// How far a delay is spread, 0 to 1 (`randomizationFactor`). Default 0.5.
        pub fn randomization_factor(self, factor: f64) -> Self {
            self.set(|config| config.randomization_factor = factor)
        }

        /// Emits of one namespace that may wait to be sent or acknowledged. Default 10,000.
        pub fn buffer_size(self, emits: usize) -> Self {
            self.set(|config| config.buffer_size = emits)
        }

        /// Bytes of those that wait to be sent. Default 16 MiB.
        pub fn buffer_bytes(self, bytes: usize) -> Self {
            self.set(|config| config.buffer_bytes = bytes)
        }

        /// Attachments of one event that we send. Default 10: a stock Node server closes the connection above that.
        pub fn send_attachments(self, attachments: usize) -> Self {
            self.set(|config| config.send_attachments = attachments)
        }

        /// Bounds on what the server may send.
        pub fn limits(self, limits: $crate::Limits) -> Self {
            self.set(|config| config.limits = limits)
        }

        /// Whether to resume sessions where the server can (`connectionStateRecovery` on a Node server): what was missed
        /// is delivered, and [`Socket::recovered`](crate::Socket::recovered) tells so. Default true.
        pub fn recovery(self, on: bool) -> Self {
            self.set(|config| config.recovery = on)
        }

        /// Whether a server that may not know that a connection is gone is told before it is asked to resume the session
        /// (`recoveryTakeover`). Default true.
        pub fn recovery_takeover(self, on: bool) -> Self {
            self.set(|config| config.recovery_takeover = on)
        }

        /// Time for that in one attempt, for all connections together (`recoveryTakeoverTimeout`). Default 1 s. A server
        /// that says nothing, and is reached afterwards, is told then, for which there is as much again, and a new
        /// [`timeout`](Self::timeout) to reach it once more.
        pub fn recovery_takeover_timeout(self, timeout: core::time::Duration) -> Self {
            self.set(|config| config.recovery_takeover_timeout = timeout)
        }

        /// How much older than the newest the offset is from which the server resumes (`recoveryOverlap`). Default `None`:
        /// 100 ms where offsets do not come in order (Redis streams), else none.
        pub fn recovery_overlap(self, overlap: Option<core::time::Duration>) -> Self {
            self.set(|config| config.recovery_overlap = overlap)
        }

        /// How a replayed event is known to have come before (`recoveryDedupe`). Default `None`: by content where the
        /// server replays what had no offset (Redis streams), else by offset.
        pub fn recovery_dedupe(self, dedupe: Option<$crate::RecoveryDedupe>) -> Self {
            self.set(|config| config.recovery_dedupe = dedupe)
        }

        /// Which gaps are told (`gap`). Default [`GapLevel::Likely`](crate::GapLevel::Likely).
        pub fn gap(self, level: $crate::GapLevel) -> Self {
            self.set(|config| config.gap = level)
        }

        /// Further servers, tried in turn when one cannot be reached, or does not answer (`urls`). Where one works, the next
        /// attempts begin there. Their paths do not matter. Not together with `url_with`; that, and a URL that cannot be used, is
        /// told when the client is built.
        pub fn urls(mut self, urls: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
            for url in urls {
                match ($crate::Address::parse(url.as_ref()), &mut self.config) {
                    (Ok(address), Ok(config)) => config.others.push(address),
                    (Err(error), config @ Ok(_)) => *config = Err(error),
                    (_, Err(_)) => {}
                }
            }
            self
        }

        /// Whether each client tries the servers in an order of its own. Default false: as they are given.
        pub fn shuffle_urls(self, on: bool) -> Self {
            self.set(|config| config.shuffle = on)
        }

        /// How often an emit is sent again until the server's handler has answered it (`retries`). Default none: each is
        /// sent once. Emits of a namespace then leave one after the other, volatile ones apart, and a handler may see one
        /// twice, so it should know it again. Without [`ack_timeout`](Self::ack_timeout) only a connection that ended
        /// causes another attempt. An emit that nobody waits for and that is never acknowledged is told as
        /// [`ClientEvent::NotAcknowledged`](crate::ClientEvent::NotAcknowledged).
        pub fn retries(mut self, retries: Option<u32>) -> Self {
            self.delivery.retries = retries;
            self
        }

        /// How far the newest event that is sent again may be ahead of the oldest that is not settled (`retryWindow`), 1 to
        /// 1,024. Default 1; 16 with [`exactly_once`](Self::exactly_once). After a lost connection sending goes on from the
        /// oldest, so a server without the middleware may see up to so many events again.
        pub fn retry_window(mut self, events: u32) -> Self {
            self.delivery.retry_window = Some(events);
            self
        }

        /// The pause before an event is sent again on a connection that lives (`retryDelay`), doubled each time. Default
        /// none.
        pub fn retry_delay(self, delay: core::time::Duration) -> Self {
            self.set(|config| config.retry_delay = delay)
        }

        /// The pause doubles up to this (`retryDelayMax`). Default 5 s.
        pub fn retry_delay_max(self, delay: core::time::Duration) -> Self {
            self.set(|config| config.retry_delay_max = delay)
        }

        /// Whether a server with the middleware of the npm package's `/server` runs each event once, however often it was
        /// sent (`exactlyOnce`). Implies [`retries`](Self::retries) without limit, unless there are some. Without that
        /// middleware a handler may see an event twice, which
        /// [`ClientEvent::DeliveryUnsupported`](crate::ClientEvent::DeliveryUnsupported) tells. Default false.
        pub fn exactly_once(mut self, on: bool) -> Self {
            self.delivery.exactly_once = on;
            self
        }

        /// How long an event is held before it is too old to be sent (`bufferMaxAge`). Default none: for ever.
        pub fn buffer_max_age(self, age: Option<core::time::Duration>) -> Self {
            self.set(|config| config.buffer_max_age = age)
        }

        /// What happens to an event for which there is no room (`bufferPolicy`). Default: it is refused.
        pub fn buffer_policy(self, policy: $crate::BufferPolicy) -> Self {
            self.set(|config| config.buffer_policy = policy)
        }

        /// What may be used as a proof that the server has read what was sent (`receipts`). Default
        /// [`Receipts::Auto`](crate::Receipts::Auto).
        pub fn receipts(self, receipts: $crate::Receipts) -> Self {
            self.set(|config| config.receipts = receipts)
        }

        /// Time to hand over what is queued, and for the server to read it, when the last namespace is left
        /// (`closeTimeout`). Default 2 s.
        pub fn close_timeout(self, timeout: core::time::Duration) -> Self {
            self.set(|config| config.close_timeout = timeout)
        }

        /// Whether a new namespace connects by itself (`autoConnect`). Default true; otherwise call
        /// [`Socket::connect`](crate::Socket::connect).
        pub fn auto_connect(mut self, on: bool) -> Self {
            self.auto_connect = on;
            self
        }

        /// Events of these names wait until somebody listens to them in particular (`holdEvents`), so that none is lost that comes
        /// before its listener is there. What waits outlives a connection that is lost; where the namespace is left, by the
        /// application or the server, it is thrown away. Default none.
        pub fn hold_events(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.hold_events.extend(names.into_iter().map(Into::into));
            self
        }

        /// How many of them may wait (`holdSize`); of the name with the most the oldest make room. Each of those lies in a gap with
        /// [`GapReason::Overflow`](crate::GapReason::Overflow), which is made good as one: the first at once, all that follow in one
        /// more when somebody listens. Default 1,000, and 16 MiB.
        pub const fn hold_size(mut self, events: usize) -> Self {
            self.hold_size = events;
            self
        }

        /// Whether an emit leaves once it is stored, or at once (`outboxDurability`). Default [`Durability::StoredFirst`](crate::Durability::StoredFirst).
        #[cfg(feature = "outbox")]
        pub const fn outbox_durability(mut self, durability: $crate::Durability) -> Self {
            self.outbox_durability = durability;
            self
        }

        /// How long an emit may be kept (`outboxMaxAge`). Default 7 days. Then it ends as
        /// [`Fate::Expired`](crate::Fate::Expired) if it was certainly never sent, else as
        /// [`Fate::Uncertain`](crate::Fate::Uncertain).
        #[cfg(feature = "outbox")]
        pub const fn outbox_max_age(mut self, age: core::time::Duration) -> Self {
            self.outbox_max_age = age;
            self
        }
    };
}
