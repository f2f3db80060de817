//! Turns a compiled module into what Node, a browser or a bundler loads: `wasm-bind IN.wasm OUT_DIR node|web|bundler`.
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, target] = args.as_slice() else {
        eprintln!("usage: wasm-bind IN.wasm OUT_DIR node|web|bundler");
        return ExitCode::FAILURE;
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).typescript(false);
    let bound = match target.as_str() {
        "web" => bindgen.omit_default_module_path(false).web(true),
        "bundler" => bindgen.bundler(true),
        _ => bindgen.nodejs_module(true),
    };
    match bound.and_then(|bindgen| bindgen.generate(output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wasm-bind: {input}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
