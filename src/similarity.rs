//! Likeness of texts by MinHash; pure.
