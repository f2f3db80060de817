// The demonstration server by itself: its command line, its files, and its chat as the published client sees it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as tcp } from 'node:net';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { build, run, start } from './www.mjs';

let executable;
let server;
const open = [];

before(async () => {
  executable = await build('www');
  server = await start(executable);
});
after(async () => {
  for (const socket of open) socket.disconnect();
  await server?.kill();
});

async function join(name, room, key) {
  const socket = io(server.url, { forceNew: true, auth: { name, room, key }, transports: ['websocket'] });
  open.push(socket);
  socket.got = [];
  socket.on('message', (message, ack) => {
    socket.got.push(`${message.from}: ${message.text}`);
    ack();
  });
  await once(socket, 'connect');
  const who = await socket.emitWithAck('join', { name, room, key });
  return { socket, who };
}

/** The first event that fits. */
function next(socket, event, fits = () => true) {
  return new Promise((resolve) => {
    const listener = (value, ack) => {
      if (!fits(value)) return;
      socket.off(event, listener);
      resolve({ value, ack });
    };
    socket.on(event, listener);
  });
}

test('a message is acknowledged by the server, then delivered by the other', async () => {
  const { socket: ada } = await join('Ada', 'one');
  const { socket: grace, who } = await join('Grace', 'one');
  assert.deepEqual(who.people.filter((place) => place.room === 'one').map((place) => place.name), ['Ada', 'Grace']);
  assert.ok(['lobby', 'rust', 'random', 'one'].every((room) => who.rooms.includes(room)));
  const delivered = next(ada, 'delivered');
  assert.deepEqual(await ada.emitWithAck('message', { room: 'one', id: 'a1', text: 'hello' }), { to: 1 });
  assert.deepEqual((await delivered).value, { id: 'a1', by: 'Grace' });
  assert.deepEqual(grace.got, ['Ada: hello']);
  assert.deepEqual(ada.got, []);
});

test('many messages arrive in order', async () => {
  const { socket: ada } = await join('Ada 2', 'order');
  const { socket: grace } = await join('Grace 2', 'order');
  const texts = Array.from({ length: 500 }, (_, n) => `${n}`);
  const last = next(grace, 'message', (message) => message.text === '499');
  const answers = await Promise.all(
    texts.map((text) => ada.emitWithAck('message', { room: 'order', id: text, text })),
  );
  assert.ok(answers.every((answer) => answer.to === 1));
  await last;
  assert.deepEqual(grace.got, texts.map((text) => `Ada 2: ${text}`));
});

test('private, typing and presence', async () => {
  const { socket: ada } = await join('Ada 3', 'three');
  const came = next(ada, 'who', (who) => who.people.some((place) => place.name === 'Grace 3'));
  const { socket: grace } = await join('Grace 3', 'three');
  const { socket: linus } = await join('Linus 3', 'three');
  await came;
  linus.on('private', () => assert.fail('not for him'));

  const secret = next(grace, 'private');
  const delivered = next(ada, 'delivered');
  assert.deepEqual(await ada.emitWithAck('private', { to: 'grace 3', id: 'p', text: 'psst' }), { to: 1 });
  const { value, ack } = await secret;
  assert.deepEqual([value.from, value.text, value.room], ['Ada 3', 'psst', undefined]);
  ack();
  assert.deepEqual((await delivered).value, { id: 'p', by: 'Grace 3' });
  assert.ok((await ada.emitWithAck('private', { to: 'nobody', id: 'q', text: '' })).error);

  const typing = next(grace, 'typing');
  ada.emit('typing', { on: true });
  assert.deepEqual((await typing).value, { name: 'Ada 3', room: 'three', on: true });

  const left = next(ada, 'who', (who) => !who.people.some((place) => place.name === 'Grace 3'));
  grace.disconnect();
  await left;
});

test('whoever comes later gets what the room said, once per entry', async () => {
  const { socket: ada } = await join('Ada 4', 'four');
  assert.deepEqual(await ada.emitWithAck('message', { room: 'four', id: '1', text: 'first' }), { to: 0 });
  assert.deepEqual(await ada.emitWithAck('message', { room: 'four', id: '1', text: 'first' }), { to: 0 });
  const delivered = next(ada, 'delivered');
  const { socket: grace } = await join('Grace 4', 'four');
  assert.deepEqual((await delivered).value, { id: '1', by: 'Grace 4' });
  assert.deepEqual(grace.got, ['Ada 4: first']);
});

test('whoever comes back asks for what was said, and its authors learn who has it', async () => {
  const { socket: ada } = await join('Ada 7', 'seven');
  assert.deepEqual(await ada.emitWithAck('message', { room: 'seven', id: '1', text: 'first' }), { to: 0 });
  const { socket: grace } = await join('Grace 7', 'elsewhere');
  assert.ok((await grace.emitWithAck('join', { name: 'Grace 7', room: 'seven', history: false })).people);
  const { messages } = await grace.emitWithAck('history', { room: 'seven' });
  assert.deepEqual(messages.map(({ id, from, room, text }) => [id, from, room, text]), [['1', 'Ada 7', 'seven', 'first']]);
  const delivered = next(ada, 'delivered');
  // Only what the room remembers is believed.
  grace.emit('seen', { messages: [{ id: '2', from: 'Ada 7' }, { id: '1', from: 'Ada 7' }] });
  assert.deepEqual((await delivered).value, { id: '1', by: 'Grace 7' });
  assert.deepEqual(grace.got, []);
  assert.deepEqual(await grace.emitWithAck('history', { room: 'nowhere' }), { messages: [] });
  assert.ok((await grace.emitWithAck('history', {})).error);
});

test('whoever leaves while coming in is not there afterwards', async () => {
  const url = `${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const ghosts = Array.from({ length: 50 }, async (_, n) => {
    const socket = new WebSocket(url);
    await once(socket, 'message');
    socket.send(`40${JSON.stringify({ name: `Ghost ${n}`, room: 'six' })}`);
    // No goodbye, and no reading: the server may notice at any moment of its welcome.
    socket.terminate();
    await once(socket, 'close');
  });
  await Promise.all(ghosts);
  const { socket: ada, who } = await join('Ada 6', 'six');
  const alone = ({ people }) => people.filter((place) => place.room === 'six').length === 1;
  if (!alone(who)) await next(ada, 'who', alone);
});

test('what the server refuses, it says', async () => {
  const { socket: ada } = await join('Ada 5', 'five', 'secret');
  const { who: taken } = await join('ADA 5', 'five');
  assert.match(taken.error, /has that name/);
  const { socket: again, who } = await join('Ada 5', 'five', 'secret');
  assert.equal(who.people.filter((place) => place.name === 'Ada 5').length, 1);
  assert.match((await ada.emitWithAck('message', { room: 'five', id: '1', text: 'x' })).error, /join/);
  assert.ok((await again.emitWithAck('message', { room: 'five' })).error);
  assert.ok((await again.emitWithAck('message', { room: ' ', id: '1', text: 'x' })).error);
  assert.ok((await again.emitWithAck('message', { room: 'five', id: '1', text: 'x'.repeat(4001) })).error);
});

test('the page and nothing else is served', async () => {
  const page = await fetch(server.url);
  assert.match(page.headers.get('content-security-policy'), /script-src 'self'/);
  assert.match(await page.text(), /Socket\.IO chat/);
  const wasm = await fetch(`${server.url}/page_bg.wasm`);
  assert.equal(wasm.headers.get('content-type'), 'application/wasm');
  await WebAssembly.compile(await wasm.arrayBuffer());
  assert.notEqual((await fetch(`${server.url}/socket.io/socket.io.js`)).status, 200);
});

test('each bad start is one line', async () => {
  const line = async (args, status, words) => {
    const ended = await run(executable, args);
    assert.equal(ended.status, status);
    assert.equal(ended.out, '');
    assert.match(ended.err, words);
    assert.equal(ended.err.trimEnd().split('\n').length, 1, ended.err);
  };
  await line(['--port', server.port], 1, /port \d+ is taken.*--port/);
  await line(['--port', 'x'], 2, /--port takes a number/);
  await line(['--server', 'nonsense'], 2, /--server takes a URL/);
});

test('a server elsewhere is named in the page, and missed when it is not there', async () => {
  const other = await start(executable, ['--port', '0', '--server', 'http://127.0.0.1:1/?a=1&b=2']);
  try {
    assert.match(await (await fetch(other.url)).text(), /content="http:\/\/127\.0\.0\.1:1\/\?a=1&amp;b=2"/);
    assert.match(other.told(), /^www: cannot reach http:\/\/127\.0\.0\.1:1\/\S* \(.*\); start that server, .*\n/m);
    // No chat of its own beside it.
    assert.equal((await fetch(`${other.url}/socket.io/?EIO=4&transport=polling`)).status, 404);
  } finally {
    await other.kill();
  }
});

test('the port is closed until the page is ready', async () => {
  const first = await start(executable);
  await first.kill();
  // The same port again: while it builds, callers are turned away and not kept waiting.
  const starting = start(executable, ['--port', first.port]);
  const refused = await new Promise((resolve) => {
    const probe = tcp(first.port, '127.0.0.1');
    probe.once('connect', () => resolve(false)).once('error', (error) => resolve(error.code));
  });
  const second = await starting;
  await second.kill();
  assert.equal(refused, 'ECONNREFUSED');
});
