// The durable outbox of a browser: emits that outlive the page, shared by all tabs of an origin that give it one name.
//
// `openOutbox(name, handlers, { bufferSize, bufferBytes })` returns at once; what there is to say comes by the handlers,
// all of them optional but `sequence`. The bounds, none by default, are those of the whole store. One tab leads: it alone sends, gives numbers, and erases. The others append what is emitted in them, and
// hear of it.
//
// What the core is told
//
//   onLeader({ id, next, reserved, records, gone, durable, session })
//       It connects with the delivery id `id`, counts its ack ids from `next`, and sends the records, which stand in
//       the order of their seq. Ids below `reserved` may be used; for more, `reserve` first. A record whose `tab` is
//       that of this outbox is of this page: `ref` tells which emit. `gone` are refs of this page that the leader
//       before has settled; their fates may still come by `onFate`, or were lost with it (`uncertain`). `durable` is
//       false if there is no database. `session` is the one that was stored, if it was asked for, `{ text, by }`: this
//       tab's from now on, and before that of the tab `by`; the text is empty if it cannot be read.
//   onFollower()
//       It sends nothing more, and forgets what is not its own; what is its own has a fate by `onFate`. Perhaps
//       `onLeader` comes again, perhaps with another `id`.
//   sequence()
//       Leader: gives the next ack id, and counts on. Called within a transaction, synchronously; an id that is not
//       used after all is a gap, no more.
//   session()
//       About to lead: under which key the session is stored that this tab wants; undefined if it wants none.
//   onLeave(why)
//       Leader, or to be: it gives that up, `idle` or because of the page. What is saved within the call is still stored.
//   onEntry(record)
//       Leader: takes up an emit of another tab, stored, with its seq. In their order, and before the promise of an
//       `append` that comes after it.
//   onFate({ ref, seq, fate, ... })
//       What the leader said by `tell` of an emit of this tab. It may come before `append` resolves, and for a second
//       time.
//   onGone(refs)
//       Follower: another tab leads now, and the one before had settled these. Their fates may still come by `onFate`,
//       or were lost with it (`uncertain`).
//   onCancel(seq)
//       Leader: another tab asks to cancel. The answer is a fate.
//   onClear({ seqs, refs })
//       `clear` was called, here or in another tab: the leader drops `seqs`, and each tab says to whoever waits what
//       has become of its `refs`.
//   onError(error)
//       An OutboxError. `unavailable` and `newer`: in memory from now on. `deleted`: the database is gone, and there is
//       a new one with the same id; what the core holds it may append again. `corrupt` and `metadata`: with `kept` and
//       `lost`. `storage`: what is settled could not be erased.
//
// What the core calls
//
//   append(records)
//       One transaction. Resolves once all is on the disk: to the seqs, or, where another tab leads, to undefined; then
//       the emit comes by `onFate`, or with its seq by `onLeader` or `onEntry` if this tab has begun to lead meanwhile.
//       Rejects with `storage`, and nothing is stored: the disk is full; or with `full`: with what all tabs, and pages
//       that are gone, have stored it were more than the bounds. A record is { seq?, namespace, text,
//       attachments?, createdAt, expiresAt?, attempts?, ref }; `ref` is the page's own number of the emit. Without
//       `seq` (`storedFirst`) it gets the next in the order of all tabs. With it (`writeBehind`: it may have been sent)
//       it keeps it; one that is stored already is replaced.
//   erase(seqs)
//       Leader: settled. Lazily.
//   tell(fates)
//       Leader: { seq, fate, ... } to the tab that asked, if it is another. Where nothing was sent: once `erase`, called
//       before, is done.
//   reserve(upTo)
//       Leader: resolves once no leader after this one will use an id below `upTo`.
//   cancel(ref)
//       Where another tab leads: resolves to true if nobody will ever send it, to false if the leader has been asked.
//   clear()
//       Empties it for all tabs. The id and the numbers stay.
//   save(key, session)
//       Leader: stores the session for the next one, or with an empty text that there is none. Resolves to whether it did.
//   claim(key)
//       Before the server is asked for a session that this tab has stored or was given. Resolves to `{ by, remains }`: whose
//       it is, of `"this"` tab, of an `"other"`, or of `"nobody"`, where nothing stands any longer. If it is not another's,
//       nobody else finds it from now on; `remains` is whether something of this tab stands in its place.
//   retire(), stand()
//       Whether this tab may lead: not while its socket is not connected, and will not be by itself. In memory it does.
//   flush(), close()
//       Resolve once everything so far is stored.
//   hasRoom(size)
//       Whether one more would be stored, as far as is known here.
//   elected
//       Whether it has the lock, if not the lead yet.
//   leading
//       Whether to send at this moment: without Web Locks a page that was frozen learns late that another leads.
//   tab
//       What stands in the records of this page.
//
// What is stored is not encrypted.
import { Outbox } from "./outbox.js";

export { OutboxError } from "./errors.js";

export const openOutbox = (name, handlers, bounds) => new Outbox(`sio-outbox:${name}`, handlers, bounds);
