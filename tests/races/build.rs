//! Writes out `client-native/src/sync.rs` for the scheduler's primitives: as it is, and once with each fault.

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/faults.rs"]
mod faults;

use faults::{FAULTS, Place};

const SYNC: &str = "../../client-native/src/sync.rs";
const MODEL: &str = "src/model.rs";

/// What threads meet in. The rest of the file is compiled as it is.
const PRIMITIVES: &[(&str, &str)] = &[
    ("use std::sync::atomic::{", "use shuttle::sync::atomic::{"),
    ("use std::sync::{", "use shuttle::sync::{"),
    ("use futures_util::task::AtomicWaker;", "use crate::waker::AtomicWaker;"),
];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo tells it"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/faults.rs");
    let mut sync = read(SYNC);
    for (from, to) in PRIMITIVES {
        sync = replace(&sync, from, to);
    }
    let model = read(MODEL);
    let mut variants = variant(&out, "intact", &sync, &model);
    let mut table = String::new();
    for fault in FAULTS {
        let (sync, model) = match fault.place {
            Place::Sync => (replace(&sync, fault.from, fault.to), model.clone()),
            Place::Model => (sync.clone(), replace(&model, fault.from, fault.to)),
        };
        variants += "#[allow(warnings)]\n";
        variants += &variant(&out, fault.name, &sync, &model);
        table += &format!("(\"{0}\", {0}::model::SCENARIOS),\n", fault.name);
    }
    variants += &format!("pub(super) const FAULTY: &[(&str, &[Scenario])] = &[{table}];\n");
    fs::write(out.join("variants.rs"), variants).expect("cargo's folder can be written");
}

fn read(path: &str) -> String {
    println!("cargo::rerun-if-changed={path}");
    fs::read_to_string(path).expect("a source file")
}

/// Exactly one place, so that a fault whose place has changed is noticed.
fn replace(text: &str, from: &str, to: &str) -> String {
    assert_eq!(
        text.matches(from).count(),
        1,
        "not found once, so that `src/faults.rs` is out of date:\n{from}"
    );
    text.replace(from, to)
}

fn variant(out: &Path, name: &str, sync: &str, model: &str) -> String {
    let write = |what: &str, text: &str| {
        let path = out.join(format!("{name}-{what}.rs"));
        fs::write(&path, text).expect("cargo's folder can be written");
        path
    };
    let (sync, model) = (write("sync", sync), write("model", model));
    format!(
        "pub(super) mod {name} {{\n#[path = {sync:?}]\nmod sync;\n#[path = {model:?}]\npub(in super::super) mod model;\n}}\n"
    )
}
