// HAProxy and nginx in front of the servers, as child processes on free ports.
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Child } from "../cuts/child.mjs";
import { until } from "../js/server.mjs";

/** The number that the first socket has for whom it is given to. */
const FIRST = 3;

async function listen() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, fd: server._handle.fd, server };
}

/** A child that the kernel kills with us: it does not look at its standard input. */
export function mortal(command, args, descriptors) {
  return new Child("setpriv", ["--pdeathsig", "KILL", command, ...args], {}, descriptors);
}

const urls = (sockets) => sockets.map(({ port }) => `http://127.0.0.1:${port}/`);

/**
 * Two frontends: in turn, and by a cookie that the balancer sets. A server is asked each 500 ms, and out of the way when it
 * does not answer within `patience` ms. It listens on sockets of ours.
 */
export async function startHaproxy(directory, ports, patience) {
  const sockets = await Promise.all([listen(), listen()]);
  const file = join(directory, "haproxy.cfg");
  writeFileSync(file, haproxy(ports, patience));
  const child = mortal("haproxy", ["-db", "-f", file], sockets.map(({ fd }) => fd));
  // It has its own by now.
  for (const { server } of sockets) server.close();
  return { child, urls: urls(sockets) };
}

/** TLS in front of one server. `pem`: certificate and key. */
export async function startTls(directory, port, pem) {
  const socket = await listen();
  const file = join(directory, "tls.cfg");
  writeFileSync(join(directory, "tls.pem"), pem);
  writeFileSync(
    file,
    `defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
frontend tls
  bind fd@${FIRST} ssl crt ${join(directory, "tls.pem")}
  default_backend one
backend one
  server one 127.0.0.1:${port}
`,
  );
  const child = mortal("haproxy", ["-db", "-f", file], [socket.fd]);
  const { port: front } = socket;
  socket.server.close();
  return { child, port: front };
}

function haproxy(ports, patience) {
  const servers = (extra) => ports.map((port, at) => `  server n${at} 127.0.0.1:${port} ${extra(`n${at}`)}`).join("\n");
  return `global
  maxconn 4000
defaults
  mode http
  maxconn 4000
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout tunnel 30s
  timeout check ${patience}ms
  retries 3
  option redispatch 1
  option httpchk GET /health
  default-server check inter 500ms fall 1 rise 1 on-marked-down shutdown-sessions
frontend turn
  bind fd@${FIRST}
  default_backend turn
frontend cookie
  bind fd@${FIRST + 1}
  default_backend cookie
backend turn
  balance roundrobin
${servers(() => "")}
backend cookie
  balance roundrobin
  cookie SERVER insert indirect nocache
${servers((name) => `cookie ${name}`)}
`;
}

/** The same two of nginx, which has no checks: a server that is silent for `patience` ms is left alone for 10 s. */
export async function startNginx(directory, ports, patience) {
  const folder = join(directory, "nginx");
  mkdirSync(folder);
  const file = join(directory, "nginx.conf");
  for (;;) {
    const sockets = await Promise.all([listen(), listen()]);
    // What it inherits it serves only as a master with workers, and they would outlive us.
    for (const { server } of sockets) server.close();
    writeFileSync(file, nginx(folder, sockets, ports, patience));
    const child = mortal("nginx", ["-p", folder, "-e", "stderr", "-c", file]);
    const taken = () => child.words.some((word) => word.includes("in use"));
    const up = () => existsSync(join(folder, "pid"));
    await until(() => up() || taken() || child.ended, "nginx");
    if (!taken()) return { child, urls: urls(sockets) };
    await child.kill();
  }
}

function nginx(folder, [turn, cookie], ports, patience) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const servers = ports.map((port) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=10s;`).join("\n    ");
  const frontend = (name, { port }, extra = "") => `server {
    listen 127.0.0.1:${port};
    ${extra}
    location / {
      proxy_pass http://${name};
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_connect_timeout 1s;
      proxy_read_timeout ${patience}ms;
      proxy_next_upstream error timeout;
    }
  }`;
  return `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections 8000; }
http {
  access_log off;
  ${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join("\n  ")}
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream turn {
    ${servers}
  }
  upstream cookie {
    hash $uid_got$uid_set consistent;
    ${servers}
  }
  ${frontend("turn", turn)}
  ${frontend("cookie", cookie, "userid on; userid_name visitor; userid_path /;")}
}
`;
}
