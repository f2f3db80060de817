//! Builds the page: cargo for WebAssembly, then wasm-bindgen through its library.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// What the browser loads.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) js: String,
    pub(crate) wasm: Vec<u8>,
    /// What else it loads: path and source.
    pub(crate) snippets: Vec<(String, String)>,
}

/// Builds the page, telling the terminal what it does.
pub(crate) fn page() -> Result<Page, String> {
    let begun = Instant::now();
    let www = Path::new(env!("CARGO_MANIFEST_DIR"));
    let toolchain = Toolchain::find(www)?;
    // A directory of its own: the cargo that started us may hold the lock of the usual one.
    let target_dir = www.join(".build");

    let patience = if target_dir.exists() { "" } else { "; the first time takes a minute" };
    eprintln!("www: building the page{patience}");
    let status = toolchain
        .cargo(&www.join("page"))
        .args(["--release", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        // Flags meant for this machine's own code do not suit WebAssembly.
        .env("CARGO_ENCODED_RUSTFLAGS", "")
        .status()
        .map_err(|error| format!("cannot run cargo ({error}); install Rust from https://rustup.rs"))?;
    if !status.success() {
        return Err("the page did not build; cargo's messages above say why".to_owned());
    }

    let page = bind(&target_dir.join(TARGET).join("release/page.wasm"))?;
    let kilobytes = page.wasm.len().div_ceil(1000);
    eprintln!("www: page ready after {:.1} s ({kilobytes} kB of WebAssembly)", begun.elapsed().as_secs_f32());
    Ok(page)
}

/// Kept in memory, so that two starts at once cannot mix their output.
fn bind(wasm: &Path) -> Result<Page, String> {
    let output = Bindgen::new()
        .input_path(wasm)
        .out_name("page")
        .typescript(false)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)
        .and_then(Bindgen::generate_output)
        .map_err(|error| format!("wasm-bindgen cannot read the page: {error:#}"))?;
    let mut output = output;
    let snippets =
        output.local_modules().iter().map(|(path, source)| (path.clone(), source.clone())).collect();
    Ok(Page { js: output.js().to_owned(), wasm: output.wasm_mut().emit_wasm(), snippets })
}

/// A way to compile for WebAssembly on this machine.
enum Toolchain {
    /// The usual cargo, with the target's standard library installed.
    Usual,
    /// Debian's `rustc-web`, which builds the standard library from its source.
    Debian { linker: PathBuf },
}

impl Toolchain {
    fn find(dir: &Path) -> Result<Self, String> {
        if has_target(dir) {
            return Ok(Self::Usual);
        }
        if let Ok(mut rustup) = Command::new("rustup")
            .args(["target", "add", TARGET])
            .current_dir(dir)
            // What went wrong there matters less than what to do, which is said below.
            .stderr(std::process::Stdio::null())
            .spawn()
        {
            eprintln!("www: adding the WebAssembly target (rustup target add {TARGET})");
            if rustup.wait().is_ok_and(|status| status.success()) && has_target(dir) {
                return Ok(Self::Usual);
            }
        }
        if let Some(linker) = debian_linker() {
            eprintln!("www: using Debian's rustc-web for WebAssembly");
            return Ok(Self::Debian { linker });
        }
        Err(format!(
            "this Rust cannot compile to WebAssembly; run 'rustup target add {TARGET}' \
             (on Debian, without rustup: apt-get install rustc-web cargo-web rust-web-src lld-22)"
        ))
    }

    /// A `cargo build` that compiles for WebAssembly.
    fn cargo(&self, dir: &Path) -> Command {
        let mut command = match self {
            Self::Usual => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            Self::Debian { .. } => Command::new("/usr/bin/cargo"),
        };
        command.current_dir(dir).arg("build");
        if let Self::Debian { linker } = self {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let path = std::iter::once(PathBuf::from("/usr/bin")).chain(std::env::split_paths(&path));
            command
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("RUSTC");
            if let Ok(path) = std::env::join_paths(path) {
                command.env("PATH", path);
            }
        }
        command
    }
}

/// Whether the usual compiler has the target's standard library; true for every way of installing it.
fn has_target(dir: &Path) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output =
        Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(dir).output();
    output.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout);
        Path::new(path.trim()).read_dir().is_ok_and(|mut files| files.next().is_some())
    })
}

/// The linker of Debian's WebAssembly toolchain, where all of that toolchain is installed.
fn debian_linker() -> Option<PathBuf> {
    let sysroot = Command::new("/usr/bin/rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let source = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
    if !source.exists() || !Path::new("/usr/bin/cargo").exists() {
        return None;
    }
    let files = Path::new("/usr/bin").read_dir().ok()?;
    let linkers = files.filter_map(|file| Some(file.ok()?.path()));
    linkers.filter(|path| path.to_string_lossy().contains("/wasm-ld")).max()
}
