//! A crate's tree of modules, which resolves paths to files.

use proc_macro2::TokenTree;

use crate::declarations::{Child, Module, Name};
use crate::sources::Source;

/// Modules of a crate; the first is its root.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    pub(crate) modules: Vec<Module>,
}

/// Target of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Module(usize),
    /// An item of this module, or a member of one.
    Item(usize),
    AnotherCrate,
}

/// Maximum depth of imports that are followed. An import that leads to itself counts as another crate's.
const DEEPEST: usize = 16;

impl Modules {
    /// Reads a crate from the file of its root, such as `src/lib.rs`.
    pub(crate) fn read(sources: &[Source], root: &str) -> Self {
        let mut modules = Self::default();
        let source = sources.iter().find(|source| source.name == root).expect("a root");
        modules.add(sources, source, "src", &source.tokens(), 0);
        modules
    }

    /// Returns the file that defines the target of a path in a module, if that is in this crate.
    pub(crate) fn file_of(&self, module: usize, path: &[String]) -> Option<&str> {
        match self.follow(module, path, 0) {
            Place::Module(at) | Place::Item(at) => Some(&self.modules[at].file),
            Place::AnotherCrate => None,
        }
    }

    /// Adds a module whose children are in `folder`, and returns its index.
    fn add(
        &mut self,
        sources: &[Source],
        source: &Source,
        folder: &str,
        tokens: &[TokenTree],
        parent: usize,
    ) -> usize {
        let own = self.modules.len();
        let (module, children) = Module::read(&source.name, parent, tokens);
        self.modules.push(module);
        for Child { name, body } in children {
            let folder = format!("{folder}/{name}");
            let child = if let Some(body) = body {
                self.add(sources, source, &folder, &body, own)
            } else {
                let files = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
                let source = sources.iter().find(|source| files.contains(&source.name));
                let source = source.unwrap_or_else(|| panic!("expected a file {files:?}"));
                self.add(sources, source, &folder, &source.tokens(), own)
            };
            self.modules[own].names.entry(name).or_default().push(Name::Module(child));
        }
        own
    }

    fn follow(&self, module: usize, path: &[String], depth: usize) -> Place {
        if depth > DEEPEST {
            return Place::AnotherCrate;
        }
        let mut place = match path[0].as_str() {
            "crate" => Place::Module(0),
            "self" => Place::Module(module),
            "super" => Place::Module(self.modules[module].parent),
            name => self.named(module, name, path.len() == 1, depth).unwrap_or(Place::AnotherCrate),
        };
        for (at, name) in path.iter().enumerate().skip(1) {
            place = match place {
                Place::Module(module) if name == "super" => {
                    Place::Module(self.modules[module].parent)
                }
                Place::Module(module) => {
                    // A name that is not declared comes from a macro.
                    let named = self.named(module, name, at + 1 == path.len(), depth);
                    named.unwrap_or(Place::Item(module))
                }
                // A variant, a function of a type, or anything in another crate.
                place => return place,
            };
        }
        place
    }

    /// Returns the target of a name in a module. `last` is false if more segments follow.
    fn named(&self, module: usize, name: &str, last: bool, depth: usize) -> Option<Place> {
        let Module { names, globs, .. } = &self.modules[module];
        let Some(names) = names.get(name) else {
            return globs.iter().find_map(|glob| match self.follow(module, glob, depth + 1) {
                Place::Module(of) => self.named(of, name, last, depth + 1),
                _ => None,
            });
        };
        let places = names.iter().map(|name| match name {
            Name::Module(at) => Place::Module(*at),
            Name::Item => Place::Item(module),
            Name::Import(path) => self.follow(module, path, depth + 1),
        });
        // If a module and a function have the same name, only the module contains further names.
        places.min_by_key(|place| match place {
            Place::Module(_) => usize::from(last),
            Place::Item(_) => usize::from(!last),
            Place::AnotherCrate => 2,
        })
    }
}
