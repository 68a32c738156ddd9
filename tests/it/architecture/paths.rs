//! Every path that a source file names, made absolute where it is one of ours.

use syn::buffer::Cursor;
use syn::visit::{self, Visit};

/// What one file names.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Absolute paths of this crate, without `crate`.
    pub(super) ours: Vec<Vec<String>>,
    /// Paths that begin elsewhere: an outside crate, or something in scope.
    pub(super) others: Vec<Vec<String>>,
    /// Names of methods that are called.
    pub(super) methods: Vec<String>,
    /// Last names of struct literals.
    pub(super) literals: Vec<String>,
    /// Derives and field visibility of each struct.
    pub(super) structs: Vec<Struct>,
}

#[derive(Debug)]
pub(super) struct Struct {
    pub(super) name: String,
    pub(super) derives: Vec<String>,
    pub(super) all_private: bool,
}

/// Reads one file of this module.
pub(super) fn read(module: &[String], source: &str) -> Named {
    let file = syn::parse_file(source).expect("the file parses");
    // The binary's root is a crate of its own, beside the library.
    let module = if module == ["main"] { &[] } else { module };
    let mut reader = Reader {
        module: module.to_vec(),
        named: Named::default(),
    };
    reader.visit_file(&file);
    reader.named
}

struct Reader {
    /// Where the walk stands, inline modules included.
    module: Vec<String>,
    named: Named,
}

impl Reader {
    fn name(&mut self, path: Vec<String>) {
        match path[0].as_str() {
            "crate" | "dreamer" => self.named.ours.push(path[1..].to_vec()),
            "self" | "super" if path.len() > 1 => {
                let mut at = self.module.clone();
                let mut rest = path.as_slice();
                while let Some(first) = rest.first() {
                    match first.as_str() {
                        "self" => {}
                        "super" => drop(at.pop()),
                        _ => break,
                    }
                    rest = &rest[1..];
                }
                at.extend_from_slice(rest);
                self.named.ours.push(at);
            }
            // A method's receiver, or `pub(super)`.
            "self" | "super" => {}
            _ => self.named.others.push(path),
        }
    }

    fn use_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&with(path.ident.to_string()), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" && !before.is_empty() => {
                self.name(before.to_vec());
            }
            syn::UseTree::Name(name) => self.name(with(name.ident.to_string())),
            syn::UseTree::Rename(rename) if rename.ident == "self" && !before.is_empty() => {
                self.name(before.to_vec());
            }
            syn::UseTree::Rename(rename) => self.name(with(rename.ident.to_string())),
            syn::UseTree::Glob(_) => self.name(with("*".to_owned())),
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    self.use_tree(before, item);
                }
            }
        }
    }

    /// The insides of a macro are tokens: every run of names with `::` between them counts as a path.
    fn tokens(&mut self, mut cursor: Cursor<'_>) {
        while !cursor.eof() {
            if let Some((inside, _, _, after)) = cursor.any_group() {
                self.tokens(inside);
                cursor = after;
            } else if let Some((ident, after)) = cursor.ident() {
                let mut path = vec![ident.to_string()];
                cursor = after;
                while let Some((ident, after)) = colons(cursor).and_then(Cursor::ident) {
                    path.push(ident.to_string());
                    cursor = after;
                }
                // A lone name is somebody's variable; only a path names a room.
                let called = cursor.any_group().is_some();
                if path.len() > 1 || called {
                    self.name(path);
                }
            } else if let Some((_, after)) = cursor.token_tree() {
                cursor = after;
            }
        }
    }
}

fn colons(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, after) = cursor.punct()?;
    let (second, after) = after.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(after)
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.name(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        visit::visit_macro(self, item);
        let buffer = syn::buffer::TokenBuffer::new2(item.tokens.clone());
        self.tokens(buffer.begin());
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.named.methods.push(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        if let Some(last) = literal.path.segments.last() {
            self.named.literals.push(last.ident.to_string());
        }
        visit::visit_expr_struct(self, literal);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let mut derives = Vec::new();
        for attribute in item.attrs.iter().filter(|a| a.path().is_ident("derive")) {
            let read = attribute.parse_nested_meta(|meta| {
                let last = meta.path.segments.last();
                derives.extend(last.map(|segment| segment.ident.to_string()));
                Ok(())
            });
            read.expect("a derive is a list of paths");
        }
        let private = |field: &syn::Field| matches!(field.vis, syn::Visibility::Inherited);
        self.named.structs.push(Struct {
            name: item.ident.to_string(),
            derives,
            all_private: item.fields.iter().all(private),
        });
        visit::visit_item_struct(self, item);
    }
}
