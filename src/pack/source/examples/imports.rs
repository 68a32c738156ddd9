//! What a reader of a document knows to be imported; pure.

use std::collections::HashSet;

use super::{Part, Place, Stream};
use crate::pack::source::safe;
use crate::pack::source::syntax::Import;

impl Stream {
    pub(super) fn import(&mut self, imported: &[Import], text: &str, place: Place) {
        for import in imported {
            let last = import.module.rsplit('.').next().unwrap_or_default();
            let first = import.module.split('.').next().unwrap_or_default();
            let path = match &import.name {
                Some(name) => format!("{}.{name}", import.module),
                // `import a.b` binds `a`.
                None if import.binds == first => first.to_owned(),
                None => import.module.clone(),
            };
            if place.own.iter().any(|own| own == last) {
                // The document's own definitions stand in the solution already.
                if import.name.as_deref() != Some(import.binds.as_str()) {
                    self.poisoned.insert(import.binds.clone());
                }
                continue;
            }
            if import.binds == "*" || !safe::allowed(&import.module, place.libraries) {
                self.poisoned.insert(import.binds.clone());
                continue;
            }
            self.poisoned.remove(&import.binds);
            self.imported.insert(import.binds.clone(), path);
            self.modules.insert(import.module.clone());
            let single = match (&import.name, imported.len()) {
                (_, 1) => text.to_owned(),
                (Some(name), _) if *name == import.binds => {
                    format!("from {} import {name}", import.module)
                }
                (Some(name), _) => {
                    format!("from {} import {name} as {}", import.module, import.binds)
                }
                (None, _) if import.module.split('.').next() == Some(import.binds.as_str()) => {
                    format!("import {}", import.module)
                }
                (None, _) => format!("import {} as {}", import.module, import.binds),
            };
            self.push(Part {
                text: single,
                binds: vec![import.binds.clone()],
                reads: HashSet::new(),
                free: HashSet::new(),
                import: true,
            });
        }
    }

    /// An import that the document is understood to have made.
    pub(in crate::pack::source) fn understood(&mut self, module: &str, name: &str) {
        self.imported
            .insert(name.to_owned(), format!("{module}.{name}"));
        self.modules.insert(module.to_owned());
        self.push(Part {
            text: format!("from {module} import {name}"),
            binds: vec![name.to_owned()],
            reads: HashSet::new(),
            free: HashSet::new(),
            import: true,
        });
    }

    /// Imports of names that the document goes on to define itself are forgotten.
    pub(in crate::pack::source) fn forget_imports(&mut self, defined: &HashSet<&str>) {
        self.parts
            .retain(|p| !(p.import && p.binds.iter().any(|b| defined.contains(b.as_str()))));
        self.imported
            .retain(|name, _| !defined.contains(name.as_str()));
    }

    /// The line that imports a name, and the module it imports from.
    pub(in crate::pack::source) fn import_of(&self, name: &str) -> Option<(&str, &str)> {
        let mut imports = self.parts.iter().rev().filter(|p| p.import);
        let part = imports.find(|p| p.binds.iter().any(|b| b == name))?;
        let path = self.imported.get(name)?;
        let module = match part.text.strip_prefix("from ") {
            Some(rest) => rest.split(' ').next().unwrap_or_default(),
            None => path.as_str(),
        };
        Some((&part.text, module))
    }

    /// Takes over what a section has imported: later ones may count on it.
    pub(in crate::pack::source) fn learn(&mut self, section: &Self) {
        for part in section.parts.iter().filter(|p| p.import) {
            self.push(part.clone());
        }
        for (name, path) in &section.imported {
            self.imported.insert(name.clone(), path.clone());
        }
        self.modules.extend(section.modules.iter().cloned());
    }
}
