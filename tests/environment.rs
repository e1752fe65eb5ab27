//! Sources of settings: the program reads its arguments and `PERMAFROST_DEVICE`, but no files or variables of its
//! dependencies.

use std::fs;
use std::path::Path;

use crate::harness::{CommandResult, TestDir, quick};

/// Names of the settings files that Burn or CubeCL search for in the working directory and its parents.
const NAMES: [&str; 4] = ["burn.toml", "Burn.toml", "cubecl.toml", "CubeCL.toml"];

#[test]
fn burn_and_cubecl_config_files_are_not_read() {
    let planted = r#"
[autodiff.logger]
level = "full"
append = false
stdout = true
file = "precious.txt"

[cubecl.compilation.logger]
level = "full"
append = false
file = "precious.txt"

[compilation.logger]
level = "full"
append = false
file = "precious.txt"
"#;
    let workplace = TestDir::with_photos();
    for name in NAMES {
        for place in ["", "below/"] {
            workplace.write("below/precious.txt", "a text of someone's");
            workplace.write(&format!("{place}{name}"), planted);
            let arguments = quick("--epochs 1").replacen("photos", "../photos", 1);
            let mut command = workplace.command(&arguments);
            let done = CommandResult::of(command.current_dir(workplace.path("below")));
            assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{place}{name}");
            assert!(!done.stdout.contains("node"), "{}", done.stdout);
            let text = workplace.read("below/precious.txt");
            assert_eq!(text, "a text of someone's", "{place}{name}");
            fs::remove_file(workplace.path(&format!("{place}{name}"))).expect("the file");
        }
    }
}

#[test]
fn burn_and_cubecl_environment_variables_are_ignored() {
    let workplace = TestDir::with_photos();
    let mut command = workplace.command(&quick("--epochs 1"));
    let variables = [("BURN_DEVICE", "nonsense"), ("CUBECL_DEBUG_LOG", "log")];
    let done = CommandResult::of(command.envs(variables));
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    assert_eq!(workplace.names_in(""), ["photos", "runs"]);
}

#[test]
fn every_worker_that_uses_burn_sets_its_configuration() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of crates");
    let below = |folder: &Path| -> Vec<_> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let workers = below(crates).into_iter().flat_map(|folder| below(&folder.join("workers")));
    let mut computing = 0;
    for worker in workers.filter(|path| path.is_file()) {
        let source = fs::read_to_string(&worker).expect("a source");
        if source.contains("Device::flex()") {
            computing += 1;
            assert!(source.contains("BurnConfig::set("), "{}", worker.display());
        }
    }
    assert!(computing >= 4, "{computing}");
}
