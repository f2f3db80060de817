#![no_main]

use std::panic;
use std::sync::Once;

static QUIET: Once = Once::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The store catches panics of the database, at which libFuzzer's hook would end the process. Those that come up to here
    // end it all the same.
    QUIET.call_once(|| {
        panic::set_hook(Box::new(|info| {
            if info.location().is_some_and(|at| at.file().contains("corpora")) {
                eprintln!("{info}");
            }
        }));
    });
    corpora::target("store")(data);
});
