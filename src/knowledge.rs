//! Documents in, clusters out.
