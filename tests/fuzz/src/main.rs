//! The binary that libFuzzer drives: `FUZZ_TARGET` names the target. With `FUZZ_SEEDS` it writes that target's seeds
//! into the folder instead.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tureen_fuzz::target;

#[global_allocator]
static MEMORY: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// What one input may make us hold, in bytes. Inputs have at most 64 KiB.
const MOST_MEMORY: usize = 64 << 20;

fuzz_target!(
    init: {
        if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
            target::chosen().write_seeds(folder.as_ref());
            std::process::exit(0);
        }
    },
    |data: &[u8]| {
        // Beyond it an allocation fails, which aborts.
        MEMORY.set_limit(MEMORY.allocated() + MOST_MEMORY).expect("room for a limit");
        target::chosen().run(data);
        MEMORY.set_limit(usize::MAX).expect("no limit");
    }
);
