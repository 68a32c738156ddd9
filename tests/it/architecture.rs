//! Holds the directions of the house on every path, by parsing the source.
