//! A crate's tree of modules, and where a path in one of them leads.

use proc_macro2::TokenTree;

use crate::declarations::{Child, Module, Name};
use crate::sources::Source;

/// The modules of a crate; the first is its root.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    pub(crate) modules: Vec<Module>,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Module(usize),
    /// An item of this module, or what belongs to one.
    Item(usize),
    AnotherCrate,
}

/// Paths through imports are not followed further than this: one that leads to itself is of another crate.
const DEEPEST: usize = 16;

impl Modules {
    /// Reads a crate from the file of its root on, such as `src/lib.rs`.
    pub(crate) fn read(sources: &[Source], root: &str) -> Self {
        let mut modules = Self::default();
        let source = sources.iter().find(|source| source.name == root).expect("a root");
        modules.add(sources, source, "src", &source.tokens(), 0);
        modules
    }

    /// Returns the file of what a path in a module leads to, if it is in this crate.
    pub(crate) fn file_of(&self, module: usize, path: &[String]) -> Option<&str> {
        match self.follow(module, path, 0) {
            Place::Module(at) | Place::Item(at) => Some(&self.modules[at].file),
            Place::AnotherCrate => None,
        }
    }

    /// Adds a module whose children are in `folder`.
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
                    // What has no name here was made by a macro.
                    let named = self.named(module, name, at + 1 == path.len(), depth);
                    named.unwrap_or(Place::Item(module))
                }
                // A variant, a function of a type, or anything in another crate.
                place => return place,
            };
        }
        place
    }

    /// Returns the place of a name in a module; `last` is false if something within it is meant.
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
        // Of a module and a function of the same name, the module has something within it.
        places.min_by_key(|place| match place {
            Place::Module(_) => usize::from(last),
            Place::Item(_) => usize::from(!last),
            Place::AnotherCrate => 2,
        })
    }
}
