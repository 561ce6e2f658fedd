//! Samples to fragments and segments.
