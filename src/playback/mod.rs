//! Which stored bytes answer a request.
