"""A stock python-socketio server for the faults: `call`, `record`, and events to everybody.

PING_INTERVAL and PING_TIMEOUT, in seconds. Prints {"port":N}, then {"record":value} for each one that came. A line
{"tick":n} on standard input goes to everybody; ends with it.
"""

import asyncio
import json
import os
import sys

import socketio
from aiohttp import web


def say(value):
    print(json.dumps(value, separators=(",", ":")), flush=True)


async def main():
    times = {"ping_interval": float(os.environ["PING_INTERVAL"]), "ping_timeout": float(os.environ["PING_TIMEOUT"])}
    server = socketio.AsyncServer(async_mode="aiohttp", **times)

    @server.event
    async def call(sid, *args):
        return args

    @server.event
    async def record(sid, value):
        say({"record": value})
        return True

    application = web.Application()
    server.attach(application)
    # What connections that were cut are said about is not what is looked for.
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say({"port": runner.addresses[0][1]})
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await server.emit("tick", json.loads(line)["tick"])


if __name__ == "__main__":
    asyncio.run(main())
