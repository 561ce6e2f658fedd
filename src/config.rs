//! Configuration from the environment and the command line.
