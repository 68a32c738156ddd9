//! Settings as a process reads them: order, origins and errors.

use crate::support::{World, ledger};

#[test]
fn a_world_has_a_folder_of_its_own_and_the_ledger_is_silent_without_a_file() {
    let (one, other) = (World::new(), World::new());
    assert_ne!(one.path(), other.path());
    assert!(one.write("deep/er/file", "x").is_file());
    ledger("nothing");
}
