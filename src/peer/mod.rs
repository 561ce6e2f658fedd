//! The receive-only WebRTC peer. Only this module knows the WebRTC stack.
