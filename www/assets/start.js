// Loads the page's program. It is Rust; so is the Socket.IO client in it.
import init from "./page.js";

init().catch((error) => {
  const problem = document.getElementById("problem");
  problem.textContent = `The page cannot start; it needs a browser with WebAssembly. (${error})`;
  problem.hidden = false;
});
