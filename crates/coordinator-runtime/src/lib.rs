//! coordinator-runtime
