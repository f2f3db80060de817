//! Turns a compiled test into what Node or a browser loads: `wasm-bind IN.wasm OUT_DIR node|web`.
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, target] = args.as_slice() else {
        eprintln!("usage: wasm-bind IN.wasm OUT_DIR node|web");
        return ExitCode::FAILURE;
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).typescript(false);
    let bound = if target == "web" {
        bindgen.omit_default_module_path(false).web(true)
    } else {
        bindgen.nodejs_module(true)
    };
    match bound.and_then(|bindgen| bindgen.generate(output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wasm-bind: {input}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
