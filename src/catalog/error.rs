use crate::id::RecordingId;

/// What can go wrong with rows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's kind is not one we speak.
    #[error("cannot use a '{scheme}' database: DATABASE_URL must begin with sqlite: or postgres:")]
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
    /// What is asked for is for recordings that have ended.
    #[error("the recording has not ended: stop it first")]
    StillRunning,
    /// Nothing of the recording may be deleted.
    #[error("the recording is under a legal hold: nothing of it may be deleted")]
    Held,
    /// Its bytes are in the folder of another process, which must be asked.
    #[error("the recording's files are in the folder of another process of this catalogue")]
    Elsewhere,
    /// What is asked for is for recordings that are hidden.
    #[error("the recording is not deleted")]
    NotDeleted,
    /// It is being removed for good.
    #[error("the recording is being removed for good")]
    Condemned,
    /// A column holds what no version of this program wrote.
    #[error("column {column} holds '{value}'")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// Its value.
        value: String,
    },
}
