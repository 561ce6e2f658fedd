//! Where bytes live: a local folder.
