//! A file as text for people.
