//! RTP payload formats: packets in sequence order to whole [`Frame`](crate::media::Frame)s.
