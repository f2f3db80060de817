"""Events that clients send with `exactlyOnce` run once on a python-socketio server, too: an example in one file.

Of python-socketio it uses what is documented: the server's option `serializer` (a subclass of `Packet`), and
`AsyncNamespace.trigger_event`, "which can be overridden if special dispatching rules are needed". Results are kept in this
process; handlers are methods `on_…` of a class-based namespace:

    class Orders(ExactlyOnce):
        async def on_order(self, sid, order): return await place(order)

    server = socketio.AsyncServer(async_mode="aiohttp", serializer=CountingPacket)
    server.register_namespace(Orders("/"))

As a program it is the test server of exactly-once.mjs with fewer settings: PORT, HANDLER_MS, SEED, PLAIN.
"""

import asyncio
import hashlib
import re
import time

import socketio
from socketio.packet import BINARY_EVENT, EVENT, Packet

TTL = 600.0
RESULTS = 1024
CLIENTS = 10_000
ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Name(str):
    """An event's name that knows its packet's ack id."""

    seq = None


class CountingPacket(Packet):
    def decode(self, encoded_packet):
        attachments = super().decode(encoded_packet)
        if self.packet_type in (EVENT, BINARY_EVENT) and self.id is not None and self.data and isinstance(self.data[0], str):
            name = Name(self.data[0])
            name.seq = self.id
            self.data[0] = name
        return attachments


class Scope:
    """What is known of one client: results by number and content, those that run among them as futures."""

    def __init__(self):
        self.base = 0
        self.results = {}
        self.used = 0.0

    def forget(self):
        settled = [key for key in self.results if key[0] < self.base]
        done = [key for key, result in self.results.items() if result.done()]
        for key in settled + done[: max(0, len(done) - RESULTS)]:
            self.results.pop(key, None)


def read_delivery(auth):
    """`(id, base)` of a valid `$delivery`."""
    said = auth.get("$delivery") if isinstance(auth, dict) else None
    if not isinstance(said, dict) or said.get("v") != 1:
        return None
    name, base = said.get("id"), said.get("base", 0)
    if not isinstance(name, str) or not ID.fullmatch(name) or type(base) is not int or base < 0:
        return None
    return name, base


class ExactlyOnce(socketio.AsyncNamespace):
    def __init__(self, namespace=None):
        super().__init__(namespace)
        self.scopes = {}
        self.links = {}

    def delivery_user(self, sid, environ, auth):
        """The user that kept results belong to; to be overridden."""
        return ""

    async def trigger_event(self, event, *args):
        if event == "connect":
            answer = await super().trigger_event(event, *args)
            if answer is not False:
                self.join(*args)
            return answer
        if event == "disconnect":
            self.links.pop(args[0], None)
        scope, base = self.links.get(args[0], (None, 0))
        seq = getattr(event, "seq", None)
        if scope is None or seq is None or seq < base:
            return await super().trigger_event(event, *args)
        if event == "$delivery":
            return {"v": 1, "ttl": int(TTL * 1000)}
        # A newer link says that this one is settled: nobody waits for the answer.
        if seq < scope.base:
            return None
        return await self.once(scope, seq, event, args)

    def join(self, sid, environ, auth=None):
        delivery = read_delivery(auth)
        if delivery is None:
            return
        name, base = delivery
        now = time.monotonic()
        key = (self.delivery_user(sid, environ, auth), name)
        scope = self.scopes.pop(key, None) or Scope()
        # Those who were not seen for longest come first.
        self.scopes[key] = scope
        scope.base, scope.used = base, now
        scope.forget()
        for old in list(self.scopes):
            if self.scopes[old].used + TTL > now and len(self.scopes) <= CLIENTS:
                break
            del self.scopes[old]
        self.links[sid] = (scope, base)

    async def once(self, scope, seq, event, args):
        # Another event under the same number: the client's store was cloned, or restored. It is a new one.
        key = (seq, hashlib.sha256(repr((event, args[1:])).encode()).digest())
        scope.used = time.monotonic()
        known = scope.results.get(key)
        if known is not None:
            return await asyncio.shield(known)
        result = scope.results[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await super().trigger_event(event, *args)
        except BaseException as error:
            # It has no result: the next attempt runs again, and those that wait fail as this one did.
            del scope.results[key]
            result.set_exception(error)
            result.exception()
            raise
        result.set_result(answer)
        if len(scope.results) > 2 * RESULTS:
            scope.forget()
        return answer


async def main():
    import json
    import os
    import random
    import sys

    from aiohttp import web

    chance = random.Random(int(os.environ.get("SEED", "1")))
    longest = int(os.environ.get("HANDLER_MS", "0"))
    runs = 0

    def say(value):
        print(json.dumps(value, separators=(",", ":")), flush=True)

    class Test(socketio.AsyncNamespace if os.environ.get("PLAIN") else ExactlyOnce):
        async def on_op(self, sid, what):
            nonlocal runs
            runs += 1
            say({"run": {"client": what["client"], "n": what["n"], "at": time.monotonic_ns() // 1000}})
            await asyncio.sleep(chance.randint(0, longest) / 1000)
            return {"n": what["n"], "value": what["n"] * 7 + 1}

    plain = {} if os.environ.get("PLAIN") else {"serializer": CountingPacket}
    server = socketio.AsyncServer(async_mode="aiohttp", **plain)
    server.register_namespace(Test("/"))
    application = web.Application()
    server.attach(application)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", int(os.environ.get("PORT", "0")))
    await site.start()
    say({"port": runner.addresses[0][1]})
    # Ends with its parent.
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line.strip() == b"stats":
            say({"stats": {"run": runs}})


if __name__ == "__main__":
    asyncio.run(main())
