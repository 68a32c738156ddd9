//! The experience stream on real parts: a dream leaves experiences, and every sink accounts for every event, also where it
//! stalls, fails or is full.

mod dreams;
