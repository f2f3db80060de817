// Starts and kills the demonstration server.
import { spawn } from 'node:child_process';
import { root } from './harness.mjs';

const packages = { www: ['-p', 'www'], sio: ['-p', 'socketio-client-native', '--features', 'cli', '--bin', 'sio'] };

/** Builds `www` or `sio`, and says where its executable is. */
export async function build(name) {
  const cargo = spawn('cargo', ['build', '-q', ...packages[name], '--message-format=json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  cargo.stdout.setEncoding('utf8').on('data', (chunk) => (out += chunk));
  const status = await new Promise((resolve) => cargo.once('close', resolve));
  if (status !== 0) throw new Error(`cargo build ended with ${status}`);
  const lines = out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return lines.find((line) => line.target?.name === name && line.executable).executable;
}

/** Runs it to its end: `{ status, out, err }`. */
export async function run(executable, args) {
  const child = spawn(executable, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk) => (texts.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (texts.err += chunk));
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, ...texts };
}

/** Starts it and waits until it serves: `{ url, port, told, kill }`. */
export async function start(executable, args = ['--port', '0']) {
  const child = spawn(executable, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let out = '';
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => (err += chunk));
  const url = await new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      out += chunk;
      const found = out.match(/http:\/\/\S+/);
      if (found) resolve(found[0]);
    });
    ended.then((status) => reject(new Error(`www ended with ${status}: ${err}`)));
  });
  return {
    url,
    port: new URL(url).port,
    /** What it has said to people. */
    told: () => err,
    // The system goes on taking what comes for it.
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    // No farewell: what a crash looks like.
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}
