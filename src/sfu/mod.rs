//! Attach drivers: how to enter a room and hear what happens in it.
