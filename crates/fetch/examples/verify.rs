//! Verifies the files of a manifest in a folder, without network. Without arguments, it verifies a sample:
//!
//!     cargo run -p fetch --example verify -- [MANIFEST FOLDER]

use std::error::Error;
use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;

use fetch::{Item, ItemState, Manifest, Record};
use quoting::Shown;

const SAMPLE: &str = r#"
weights = []
archives = []
class_names = [
    { name = "complete.txt", path = "complete.txt", size = 8, digest = "md5:c9a689574e0e69c2933a7fead321993a", urls = ["https://example.org/1"], licence = "CC0" },
    { name = "damaged.txt", path = "damaged.txt", size = 8, digest = "md5:c9a689574e0e69c2933a7fead321993a", urls = ["https://example.org/2"], licence = "CC0" },
    { name = "missing.txt", path = "missing.txt", size = 8, urls = ["https://example.org/3"], licence = "CC0" },
]
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let sample = tempfile::tempdir()?;
    fs::write(sample.path().join("complete.txt"), "cat\ndog\n")?;
    fs::write(sample.path().join("damaged.txt"), "cat\ndig\n")?;
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (manifest, folder) = match arguments.as_slice() {
        [manifest, folder] => (fs::read_to_string(manifest)?, folder.as_path()),
        [] => (SAMPLE.to_owned(), sample.path()),
        _ => return Err("usage: verify [MANIFEST FOLDER]".into()),
    };
    let (manifest, record) =
        (Manifest::parse(&manifest)?, Record::read(folder.join("digests.toml"))?);
    let weights = manifest.weights.iter().map(|weights| Item::of_weights(weights, folder, None));
    let files = weights.chain(manifest.class_names.iter().map(Item::from));
    let (mut items, mut verified) = (0, 0);
    for item in files.chain(manifest.archives.iter().map(Item::from)) {
        let state = item.presence(folder, &record)?;
        (items, verified) = (items + 1, verified + i32::from(matches!(state, ItemState::Verified)));
        writeln!(stdout(), "{}: {state}", item.file.path.shown())?;
    }
    Ok(writeln!(stdout(), "{verified} of {items} items are verified")?)
}
