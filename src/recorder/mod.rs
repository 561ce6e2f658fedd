//! Recording: from a room's events and packets to stored fragments and rows.
