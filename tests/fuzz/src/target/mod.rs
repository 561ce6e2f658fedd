//! What is fuzzed. Each target is a function of bytes, and a list of inputs to start from.

mod extension;
mod fmp4;
mod input;
mod loss;
mod packets;
mod session;
mod signalling;
mod track;
mod wire;

use crate::media::Codec;
use std::path::Path;
use std::sync::OnceLock;

/// A target's name, what it does with an input, and what it starts from.
pub struct Target {
    name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

const TARGETS: &[Target] = &[
    Target {
        name: "h264",
        run: |data| packets::run(Codec::H264, data),
        seeds: || packets::seeds(Codec::H264),
    },
    Target { name: "vp8", run: |data| packets::run(Codec::Vp8, data), seeds: || packets::seeds(Codec::Vp8) },
    Target { name: "vp9", run: |data| packets::run(Codec::Vp9, data), seeds: || packets::seeds(Codec::Vp9) },
    Target { name: "av1", run: |data| packets::run(Codec::Av1, data), seeds: || packets::seeds(Codec::Av1) },
    Target {
        name: "opus",
        run: |data| packets::run(Codec::Opus, data),
        seeds: || packets::seeds(Codec::Opus),
    },
    Target { name: "loss", run: loss::run, seeds: loss::seeds },
    Target { name: "track", run: track::run, seeds: track::seeds },
    Target { name: "fmp4", run: fmp4::run, seeds: fmp4::seeds },
    Target { name: "signalling", run: signalling::run, seeds: signalling::seeds },
    Target { name: "session", run: session::run, seeds: session::seeds },
    Target { name: "extension", run: extension::run, seeds: extension::seeds },
    Target { name: "wire", run: wire::run, seeds: wire::seeds },
];

impl Target {
    /// Tries one input. Panics if it does harm.
    pub fn run(&self, data: &[u8]) {
        (self.run)(data);
    }

    /// Writes the inputs to start from.
    pub fn write_seeds(&self, folder: &Path) {
        for (number, seed) in (self.seeds)().iter().enumerate() {
            let path = folder.join(format!("seed-{number}"));
            std::fs::write(&path, seed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// The target that the environment names.
pub fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        let found = TARGETS.iter().find(|target| target.name == name);
        found.unwrap_or_else(|| panic!("FUZZ_TARGET is {name:?}, not one of {names:?}"))
    })
}
