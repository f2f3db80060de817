// The demonstration page in real browsers: several tabs in one room, a network that is cut, a server that is killed.
//
// SCREENSHOT=file takes the README's picture, in Chromium.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Child, browsers, launch } from './harness.mjs';
import { build, start } from './www.mjs';

const viewport = { width: 1100, height: 720 };

for (const name of browsers) {
  describe(name, () => {
    let executable;
    let server;
    let browser;
    let ada;
    let grace;
    let linus;
    const scripts = new Set();
    const problems = [];

    before(async () => {
      executable = await build('www');
      server = await start(executable);
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      await server?.kill();
    });

    async function join(person) {
      const page = await browser.newPage();
      await page.setViewport(viewport);
      page.on('response', (response) => {
        if (/javascript|wasm/.test(response.headers()['content-type'] ?? '')) {
          scripts.add(new URL(response.url()).pathname);
        }
      });
      page.on('pageerror', (error) => {
        // Firefox counts a WebSocket that could not be opened among the page's errors.
        if (!/\bws:\/\//.test(error.message)) {
          problems.push(`${person}: ${error.message}`);
        }
      });
      await page.goto(server.url);
      // The form is there before the program that answers it.
      await page.waitForSelector('#enter-button:enabled');
      await page.type('#name', person);
      await page.click('#enter-button');
      await until(page, (selector) => document.querySelector(selector), '#status[data-state="connected"]');
      return page;
    }

    test('people find each other', async () => {
      ada = await join('Ada');
      grace = await join('Grace');
      linus = await join('Linus');
      await until(ada, present, ['Grace', 'Linus']);
      await until(grace, present, ['Ada', 'Linus']);
      assert.match(await text(ada, '#reason'), /Connected over websocket/);
    });

    test('messages go both ways, and both ticks come', async () => {
      await say(ada, 'Hello, who is there?');
      await until(grace, said, ['Ada', 'Hello, who is there?']);
      await say(grace, 'Me, in another tab.');
      await until(ada, said, ['Grace', 'Me, in another tab.']);
      await until(ada, ticked, ['two', 'Hello, who is there?']);
      await until(grace, ticked, ['two', 'Me, in another tab.']);
    });

    test('a message shows its fate as it changes', async () => {
      await grace.evaluate(() => {
        globalThis.fates = [];
        const look = () => {
          const fate = [...document.querySelectorAll('#log .mine .cause')].at(-1)?.textContent;
          if (fate !== globalThis.fates.at(-1)) globalThis.fates.push(fate);
        };
        look();
        new MutationObserver(look).observe(document.querySelector('#log'), { childList: true, subtree: true });
      });
      await say(grace, 'Where am I?');
      await until(grace, () => globalThis.fates.length > 1 && globalThis.fates.at(-1) === 'delivered');
      const fates = await grace.evaluate(() => globalThis.fates);
      const order = ['held', 'in flight', 'acknowledged', 'acknowledged, 0 of 2', 'acknowledged, 1 of 2', 'delivered'];
      // Of those that come in one moment the last one is seen.
      const places = fates.slice(1).map((fate) => order.indexOf(fate));
      assert.ok(fates.includes('in flight') && !places.includes(-1), fates.join('; '));
      assert.deepEqual(places, places.toSorted((a, b) => a - b), fates.join('; '));
    });

    test('a native client is in the same room', async (t) => {
      const sio = new Child(t, await build('sio'), ['connect', server.url]);
      sio.send({ emit: 'join', args: [{ name: 'Sio', room: 'lobby' }], ack: true, id: 'join' });
      const joined = await sio.waitJson('the answer to join', (line) => line.type === 'ack' && line.id === 'join');
      assert.deepEqual(joined.args[0].people.map((person) => person.name).sort(), ['Ada', 'Grace', 'Linus', 'Sio']);
      await until(ada, present, ['Grace', 'Linus', 'Sio']);

      sio.send({ emit: 'message', args: [{ room: 'lobby', id: 'from-sio', text: 'Hello from a terminal.' }], ack: true, id: 'm' });
      await until(ada, said, ['Sio', 'Hello from a terminal.']);
      await until(grace, said, ['Sio', 'Hello from a terminal.']);
      await sio.waitJson('the tick', (line) => line.event === 'delivered' && line.args[0].id === 'from-sio');

      await press(ada, '[data-kind="person"][data-name="Sio"]');
      await say(ada, 'Hello, terminal.');
      const message = await sio.waitJson('the message', (line) => line.event === 'private');
      assert.equal(message.args[0].text, 'Hello, terminal.');
      sio.send({ ack: message.ack, args: [] });
      await until(ada, ticked, ['two', 'Hello, terminal.']);
      await press(ada, '[data-kind="room"][data-name="lobby"]');

      sio.process.stdin.end();
      assert.equal((await sio.exit).code, 0);
      await until(ada, present, ['Grace', 'Linus']);
    });

    test('typing shows, and ends', async () => {
      await type(grace, 'hm');
      await until(ada, shows, ['#typing', 'Grace is typing…']);
      await grace.bringToFront();
      await grace.focus('#text');
      await grace.keyboard.press('Backspace');
      await grace.keyboard.press('Backspace');
      await until(ada, shows, ['#typing', '']);
    });

    test('a private message reaches one person', async () => {
      await press(ada, '[data-kind="person"][data-name="Grace"]');
      await say(ada, 'Between us: it works.');
      await until(grace, shows, ['[data-name="Ada"] .unread', '1']);
      await press(grace, '[data-kind="person"][data-name="Ada"]');
      await until(grace, said, ['Ada', 'Between us: it works.']);
      await until(ada, ticked, ['two', 'Between us: it works.']);
      // Back in the room, where the next message is the proof that nothing came before it.
      await press(ada, '[data-kind="room"][data-name="lobby"]');
      await press(grace, '[data-kind="room"][data-name="lobby"]');
      await say(ada, 'Now for everybody.');
      await until(linus, said, ['Ada', 'Now for everybody.']);
      assert.doesNotMatch(await text(linus, 'body'), /Between us/);
    });

    test('a room of their own', async () => {
      await type(ada, 'engines', '#new-room-name');
      await ada.keyboard.press('Enter');
      await until(ada, shows, ['#title', '# engines']);
      await until(grace, shows, ['[data-kind="room"][data-name="engines"] .where', '1']);
      await press(grace, '[data-kind="room"][data-name="engines"]');
      await say(grace, 'Nice room.');
      await until(ada, said, ['Grace', 'Nice room.']);
      await press(ada, '[data-kind="room"][data-name="lobby"]');
      await press(grace, '[data-kind="room"][data-name="lobby"]');
      await until(ada, present, ['Grace', 'Linus']);
    });

    test('what is written without a network is held, and sent in order', async () => {
      const texts = ['Still there?', 'I am in a tunnel.', 'Writing anyway.'];
      await press(ada, '#network');
      await until(ada, shows, ['#reason', 'You cut the network']);
      await until(grace, gone, 'Ada');
      for (const words of texts) await say(ada, words);
      await until(ada, ticked, ['held', ...texts]);
      assert.match(await text(ada, '#held-note'), /^3 messages are held/);
      const listed = await ada.$$eval('#outbox li', (items) => items.map((item) => [item.firstChild.textContent, item.querySelector('.fate').textContent]));
      assert.deepEqual(listed, texts.map((words) => [words, 'held']));
      await say(grace, 'Ada, you are gone.');
      if (process.env.SCREENSHOT && name === 'chromium') {
        await ada.bringToFront();
        await ada.screenshot({ path: process.env.SCREENSHOT });
      }
      await press(ada, '#network');
      // And the other way round: what was said meanwhile comes when it is asked for, and its author learns of it.
      await load(ada);
      await until(ada, ticked, ['two', ...texts]);
      assert.deepEqual(await lines(grace, 'Ada', texts), texts);
      await until(grace, ticked, ['two', 'Ada, you are gone.']);
      await until(ada, said, ['Grace', 'Ada, you are gone.']);
      await until(ada, hidden, '#held-note');
    });

    test('what was sent and will not be answered is uncertain, what was not sent is not', async () => {
      // It takes what it is sent, and answers nothing.
      server.pause();
      await say(grace, 'Did this arrive?');
      await until(grace, ticked, ['flight', 'Did this arrive?']);
      await press(grace, '#network');
      await until(grace, shows, ['#reason', 'You cut the network']);
      await say(grace, 'And this?');
      await until(grace, ticked, ['held', 'And this?']);
      await until(grace, (count) => document.querySelectorAll('#outbox [data-give-up]').length === count, 2);
      for (const icon of ['unknown', 'failed']) {
        await press(grace, '#outbox [data-give-up]');
        await until(grace, ticked, [icon, icon === 'unknown' ? 'Did this arrive?' : 'And this?']);
      }
      const [uncertain, cancelled] = await grace.$$eval('#log .mine', (all) => all.slice(-2).map((line) =>
        [line.querySelector('.cause').textContent, line.querySelector('.icon').title]));
      assert.deepEqual(uncertain, ['uncertain', 'Uncertain: it was sent, and no answer will come']);
      assert.deepEqual(cancelled, ['the emit was cancelled', 'Not sent: the emit was cancelled']);
      assert.ok(await grace.evaluate(hidden, '#outbox'));
      server.resume();
      await press(grace, '#network');
      await load(grace);
      await until(ada, present, ['Grace', 'Linus']);
      await say(grace, 'Never mind.');
      await until(ada, said, ['Grace', 'Never mind.']);
      await until(grace, ticked, ['two', 'Never mind.']);
      assert.ok(!(await ada.evaluate(said, ['Grace', 'And this?'])));
    });

    test('a server that is killed and started again loses nothing that was written', async () => {
      await server.kill();
      for (const page of [ada, grace]) {
        await until(page, matches, ['#next', 'Attempt \\d+']);
        assert.match(await text(page, '#reason'), /^Not connected: \S/);
      }
      const from = { Ada: ['one', 'two', 'three', 'four'], Grace: ['eins', 'zwei'] };
      for (const words of from.Ada) await say(ada, words);
      for (const words of from.Grace) await say(grace, words);
      await until(ada, ticked, ['held', ...from.Ada]);
      server = await start(executable, ['--port', server.port]);
      // It remembers nothing, and says so.
      for (const page of [ada, grace, linus]) await load(page);
      await until(ada, ticked, ['two', ...from.Ada]);
      await until(grace, ticked, ['two', ...from.Grace]);
      for (const page of [grace, linus]) assert.deepEqual(await lines(page, 'Ada', from.Ada), from.Ada);
      for (const page of [ada, linus]) assert.deepEqual(await lines(page, 'Grace', from.Grace), from.Grace);
    });

    test('a name that is taken is refused', async () => {
      const page = await browser.newPage();
      await page.goto(server.url);
      await page.waitForSelector('#enter-button:enabled');
      await page.type('#name', 'ada');
      await page.click('#enter-button');
      await until(page, matches, ['#problem', 'has that name']);
    });

    test('a tab that is killed says no goodbye, and can come back', async () => {
      await press(linus, '#kill');
      await linus.waitForSelector('#again');
      await until(ada, gone, 'Linus');
      await press(linus, '#again');
      await linus.waitForSelector('#enter-button:enabled');
    });

    test('what a page did not get rid of survives it', async () => {
      await press(ada, '#network');
      await until(grace, gone, 'Ada');
      const texts = ['Is anybody there?', 'I go now.'];
      for (const words of texts) await say(ada, words);
      await until(ada, ticked, ['held', ...texts]);
      await until(ada, () => document.querySelectorAll('#log .mine[data-tick="held"]:not([data-stored])').length === 0);
      await press(ada, '#kill');
      await ada.waitForSelector('#again');
      await press(ada, '#again');
      await ada.waitForSelector('#enter-button:enabled');
      await server.kill();
      await press(ada, '#enter-button');
      const listed = (words) =>
        [...document.querySelectorAll('#outbox li')].map((item) => item.firstChild.textContent).join() === words.join();
      await until(ada, listed, texts);
      server = await start(executable, ['--port', server.port]);
      // Whoever comes back first, they get it.
      await load(grace);
      assert.deepEqual(await lines(grace, 'Ada', texts), texts);
      await until(ada, ticked, ['two', ...texts]);
      await until(ada, hidden, '#outbox');
    });

    test('on a telephone, everything is there', async () => {
      await ada.bringToFront();
      await ada.setViewport({ width: 360, height: 640 });
      const sizes = await ada.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(sizes[0] <= sizes[1], `${sizes[0]} of ${sizes[1]} pixels wide`);
      for (const selector of ['#network', '#rooms button', '#people button', '#text', '#write button']) {
        const box = await (await ada.$(selector)).boundingBox();
        assert.ok(box && box.width > 0 && box.y + box.height <= 640, `${selector}: ${JSON.stringify(box)}`);
      }
    });

    test('no script but ours, and no error', () => {
      const ours = [...scripts].filter((path) => !path.startsWith('/snippets/socketio-client-wasm-'));
      assert.deepEqual(ours.sort(), ['/page.js', '/page_bg.wasm', '/start.js']);
      assert.deepEqual(problems, []);
    });
  });
}

// Waiting. A tab in the background draws no frames, so conditions are looked at by the clock.
const limit = { timeout: 30_000, polling: 50 };

async function until(page, condition, argument) {
  try {
    await page.waitForFunction(condition, limit, argument);
  } catch (error) {
    const body = await page.evaluate(() => document.body.innerText);
    throw new Error(`waited for ${condition} with ${JSON.stringify(argument)}; the page says:\n${body}`, {
      cause: error,
    });
  }
}

// Conditions, evaluated in the page.
const present = (names) => names.every((name) => document.querySelector(`#people [data-name="${name}"]`));
const gone = (name) => (document.querySelector(`#people [data-name="${name}"] .where`)?.textContent ?? 'gone') === 'gone';
const hidden = (selector) => document.querySelector(selector).hidden;
const shows = ([selector, words]) => document.querySelector(selector)?.textContent === words;
const matches = ([selector, words]) => new RegExp(words).test(document.querySelector(selector)?.textContent ?? '');
const said = ([name, words]) => [...document.querySelectorAll('#log .line:not(.mine)')].some((line) =>
  line.querySelector('.from').textContent === name && line.querySelector('.text').textContent === words);
const ticked = ([icon, ...texts]) => texts.every((words) => [...document.querySelectorAll('#log .mine')].some(
  (line) => line.querySelector('.text').textContent === words && line.dataset.tick === icon));

// Doing.
async function type(page, words, selector = '#text') {
  // Keys go to the tab in front.
  await page.bringToFront();
  await page.focus(selector);
  await page.type(selector, words);
}

async function say(page, words) {
  await type(page, words);
  await page.keyboard.press('Enter');
}

async function press(page, selector) {
  await page.bringToFront();
  // Not by the mouse: somebody may come and move the list while it is on its way.
  await page.$eval(selector, (element) => element.click());
}

/** Has what may be missing loaded. */
async function load(page) {
  await until(page, () => !document.querySelector('#gap').hidden);
  await press(page, '#gap-load');
  await until(page, hidden, '#gap');
}

async function text(page, selector) {
  return page.$eval(selector, (element) => element.textContent);
}

/** Those of `texts` that `name` said, as the page lists them: once each and in order, if all is well. */
async function lines(page, name, texts) {
  await until(page, said, [name, texts.at(-1)]);
  return page.$$eval(
    '#log .line:not(.mine)',
    (all, name, texts) =>
      all
        .filter((line) => line.querySelector('.from').textContent === name)
        .map((line) => line.querySelector('.text').textContent)
        .filter((words) => texts.includes(words)),
    name,
    texts,
  );
}
