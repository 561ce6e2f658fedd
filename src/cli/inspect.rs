//! `tureen inspect`

use crate::media::fmp4::describe;
use anyhow::Context;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Options {
    /// A file of a track, an init segment or a segment
    file: PathBuf,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let name = options.file.display();
    let mut reader =
        BufReader::new(File::open(&options.file).with_context(|| format!("cannot open {name}"))?);
    let mut out = BufWriter::new(io::stdout().lock());
    let told = describe::describe(&mut reader, &mut out).and_then(|()| out.flush());
    match told {
        // Whoever reads us, such as `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        told => told.with_context(|| format!("cannot read {name}")),
    }
}
