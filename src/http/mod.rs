//! The HTTP API and the watch page.
