//! Which player plays which recording in which browser: recordings of a real room, each played by real players, and the
//! table in `docs/players.md` that comes of it.
//!
//! ```text
//! rows::record -> Row { what to ask for, expected pictures } -> checks -> cells::play -> judge -> table
//! ```

pub mod cells;
pub mod checks;
pub mod expected;
pub mod judge;
pub mod rows;
pub mod table;
