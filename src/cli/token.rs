//! `tureen token`

use super::say;
use crate::auth::{Claims, Role, mint_under};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Place, Signing};

#[derive(clap::Args)]
pub(super) struct Options {
    /// student: watches; teacher: also records; admin: everything; service: attaches rooms, starts and stops recordings,
    /// and sees none, for the program that attaches rooms
    #[arg(long, default_value = "teacher")]
    role: Role,
    /// The user's identifier
    #[arg(long, default_value = "developer")]
    user_id: String,
    /// The user's address
    #[arg(long, default_value = "developer@localhost")]
    email: String,
    /// Seconds until it expires
    #[arg(long, default_value_t = 86_400)]
    ttl: u64,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    claims: config::Claims,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let secret = options.signing.secret(&options.place.recordings_dir)?;
    let now = SystemClock.wall();
    let claims = Claims::new(&options.user_id, &options.email, options.role, now, options.ttl);
    say(&mint_under(&secret.bytes, &claims, &options.claims.policy()?)?);
    Ok(())
}
