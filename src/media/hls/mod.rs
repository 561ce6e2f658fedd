//! HLS playlists (RFC 8216bis): a snapshot in, text out.
