use crate::id::RecordingId;

/// What can go wrong with rows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's kind is not one we speak.
    #[error("cannot use a '{scheme}' database: DATABASE_URL must begin with sqlite:")]
    Unsupported {
        /// The URL's scheme; the rest may hold a password.
        scheme: String,
    },
    /// The database cannot be opened.
    #[error("cannot open the database")]
    Open {
        /// Why.
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("cannot migrate the database")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The room has a running recording already.
    #[error("recording {running} of this room is still running")]
    RoomBusy {
        /// The running one.
        running: RecordingId,
    },
    /// The row that should be changed is not there.
    #[error("there is no such {what}")]
    Missing {
        /// What kind of row.
        what: &'static str,
    },
    /// A column holds what no version of this program wrote.
    #[error("column {column} holds '{value}'")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// Its value.
        value: String,
    },
}
