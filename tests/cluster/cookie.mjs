// Balancers' cookies.

/** The cookie with which a front goes on asking that server. */
export async function cookieTo(url, name) {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const response = await fetch(`${url}health`, { headers: { connection: "close" } });
    await response.arrayBuffer();
    if (response.headers.get("x-node") === name) return response.headers.get("set-cookie").split(";")[0];
  }
  throw new Error(`${url} gave 30 cookies, and none of them leads to ${name}`);
}
