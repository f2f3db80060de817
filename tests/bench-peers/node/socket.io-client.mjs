// The published client with its defaults. Same command line and answer as the other contestants;
// only the cases that connect.
import { io } from "socket.io-client";

const [name, url, warmup, count] = process.argv.slice(2);
const upgrade = name === "connect-upgrade";

function connect() {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const since = () => Number(process.hrtime.bigint() - start);
    const times = {};
    const socket = io(url, {
      forceNew: true,
      reconnection: false,
      ...(upgrade ? {} : { transports: ["websocket"] }),
    });
    const finish = () => {
      if (!times.connected || (upgrade && !times.upgraded)) return;
      socket.disconnect();
      resolve(times);
    };
    socket.on("connect_error", reject);
    socket.on("connect", () => {
      times.connected = since();
      finish();
    });
    socket.io.on("open", () => {
      socket.io.engine.on("upgrade", () => {
        times.upgraded = since();
        finish();
      });
    });
  });
}

function percentile(values, share) {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.round((sorted.length - 1) * share)] : null;
}

async function measure() {
  for (let i = 0; i < Number(warmup); i += 1) await connect();
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const times = [];
  for (let i = 0; i < Number(count); i += 1) times.push(await connect());
  const wall = Number(process.hrtime.bigint() - start);
  const { user, system } = process.cpuUsage(cpu);
  const connected = times.map((time) => time.connected);
  return {
    cpu_ns: (user + system) * 1000,
    wall_ns: wall,
    p50_ns: percentile(connected, 0.5),
    p99_ns: percentile(connected, 0.99),
    upgraded_p50_ns: upgrade ? percentile(times.map((time) => time.upgraded), 0.5) : null,
  };
}

const measured = await measure().catch((error) => ({ error: String(error) }));
console.log(JSON.stringify(measured));
process.exit(measured.error ? 1 : 0);
