//! The npm package, for the page in plain JavaScript. Building it takes Node and the packages of `tests`; the first page
//! needs neither, so that what is missing here is told, and no more.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// What the package is made from, and by what.
const SOURCES: [&str; 7] = [
    "client-core/src",
    "client-wasm/src",
    "client-wasm/js/src",
    "client-wasm/js/slots.js",
    "client-wasm/js/build.mjs",
    "client-wasm/js/cargo.mjs",
    "client-wasm/js/glue.mjs",
];
const MODULE: &str = "client-wasm/js/dist/socket.io.esm.min.js";

/// The package as one ES module, built anew where its sources are younger.
pub(crate) fn module() -> Result<Vec<u8>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let module = root.join(MODULE);
    let sources = SOURCES.iter().filter_map(|path| youngest(&root.join(path))).max();
    if youngest(&module) < sources {
        build(&root)?;
    }
    std::fs::read(&module).map_err(|error| format!("cannot read {MODULE} ({error})"))
}

fn build(root: &Path) -> Result<(), String> {
    let how = "for the page in plain JavaScript, run 'tests/run only npm package' and start again";
    if !root.join("tests/node_modules/esbuild").exists() {
        return Err(format!("the npm package is not built; {how}"));
    }
    eprintln!("www: building the npm package; the first time takes a minute");
    let status = Command::new("node").arg("client-wasm/js/build.mjs").current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("the npm package did not build; {how}")),
        Err(error) => Err(format!("cannot run node ({error}); {how}")),
    }
}

/// When a file, or the youngest one in a folder, was written.
fn youngest(path: &Path) -> Option<SystemTime> {
    let Ok(folder) = path.read_dir() else {
        return path.metadata().and_then(|file| file.modified()).ok();
    };
    folder.filter_map(|entry| youngest(&entry.ok()?.path())).max()
}
