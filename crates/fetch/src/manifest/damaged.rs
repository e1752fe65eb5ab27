//! Fuzz tests with damaged manifests. Each is parsed or refused, and a parsed one never leads outside the data folder.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const REAL: &str = include_str!("../../manifest.toml");

/// Values to insert after a key, some of them invalid.
const VALUES: [&str; 28] = [
    r#""weights/other.h5""#,
    r#""other.h5""#,
    r#""../outside""#,
    r#""weights/../../outside""#,
    r#""weights/..""#,
    r#""/etc/passwd""#,
    r#""./weights""#,
    r#"".""#,
    r#""..""#,
    r#""""#,
    r#""weights/""#,
    r#""C:\\Windows""#,
    r#""\u0000""#,
    r#""https://example.org/other.h5""#,
    r#"["https://example.org/other.h5", "http://example.org/other.h5"]"#,
    r#"["file:///etc/passwd"]"#,
    "[]",
    "{}",
    r#"{ "../outside" = 1, "" = 2 }"#,
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "18446744073709551616",
    "nan",
    "true",
    r#""md5:00000000000000000000000000000000""#,
    r#""md5:0000000000000000000000000000000G""#,
];

/// Returns the real manifest and three variants: without digests, without comments, and without weights.
fn whole() -> [String; 4] {
    let without = |start: &str| -> String {
        let lines = REAL.lines().filter(|line| !line.starts_with(start));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let archives = &REAL[REAL.find("[[archives]]").unwrap()..];
    [REAL.to_owned(), without("digest = "), without("#"), format!("weights = []\n{archives}")]
}

/// Change to a manifest.
#[derive(Clone, Debug)]
enum Damage {
    /// Replaces the value of a key.
    Value { line: Index, value: &'static str },
    /// Removes a line.
    Without { line: Index },
    /// Repeats a line elsewhere.
    Again { line: Index, to: Index },
    /// Replaces bytes.
    Bytes { at: Index, count: usize, bytes: Vec<u8> },
    /// Removes the end.
    Cut { at: Index },
}

impl Damage {
    fn apply(self, text: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            return String::new();
        }
        match self {
            Self::Value { line, value } => {
                let with_keys = lines.iter_mut().filter(|line| line.contains(" = "));
                let mut with_keys: Vec<&mut String> = with_keys.collect();
                if !with_keys.is_empty() {
                    let line = line.get_mut(&mut with_keys);
                    let key = line.split(" = ").next().unwrap_or_default();
                    **line = format!("{key} = {value}");
                }
            }
            Self::Without { line } => drop(lines.remove(line.index(lines.len()))),
            Self::Again { line, to } => {
                let line = line.get(&lines).clone();
                lines.insert(to.index(lines.len()), line);
            }
            Self::Bytes { at, count, bytes } => {
                let mut file = text.as_bytes().to_vec();
                let at = at.index(file.len());
                let end = (at + count).min(file.len());
                file.splice(at..end, bytes);
                return String::from_utf8_lossy(&file).into_owned();
            }
            Self::Cut { at } => {
                return String::from_utf8_lossy(&text.as_bytes()[..at.index(text.len())])
                    .into_owned();
            }
        }
        lines.join("\n")
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        6 => (place(), select(&VALUES[..]))
            .prop_map(|(line, value)| Damage::Value { line, value }),
        2 => place().prop_map(|line| Damage::Without { line }),
        2 => (place(), place()).prop_map(|(line, to)| Damage::Again { line, to }),
        3 => (place(), 0..9usize, proptest::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(at, count, bytes)| Damage::Bytes { at, count, bytes }),
        1 => place().prop_map(|at| Damage::Cut { at }),
    ]
}

/// Returns the end of a path that is followed from a folder step by step, or `None` if it leaves the folder.
fn followed(path: &Path) -> Option<PathBuf> {
    let folder = Path::new("/the/root/data");
    let mut at = folder.to_owned();
    for step in path.to_str()?.split('/') {
        match step {
            _ if path.is_absolute() => return None,
            "" | "." => {}
            ".." => drop(at.pop()),
            step => at.push(step),
        }
        if !at.starts_with(folder) {
            return None;
        }
    }
    (at != folder).then_some(at)
}

/// Checks the properties that all fetching code relies on.
fn check_what_is_read(manifest: &Manifest) {
    let weights = manifest.weights.iter().map(|weights| &weights.file);
    let archives = manifest.archives.iter().map(|archive| &archive.file);
    let published: Vec<_> = weights.chain(&manifest.class_names).chain(archives).collect();
    assert!(published.iter().all(|file| !file.urls.is_empty()));
    let same = manifest.weights.iter().filter_map(|weights| weights.same.as_ref());
    for file in published.into_iter().chain(same) {
        assert!(followed(&file.path).is_some(), "{}", file.path.shown());
        assert!(followed(Path::new(&file.name)).is_some(), "{}", file.name);
        assert!(!file.name.contains('/'), "{}", file.name);
        assert!((1..=i64::MAX as u64).contains(&file.size), "{}", file.size);
        assert!(file.urls.iter().all(|url| url.starts_with("http")), "{:?}", file.urls);
        if let Some(digest) = file.digest.as_ref().map(Digest::to_string) {
            let (algorithm, hex) = digest.split_once(':').expect("an algorithm");
            assert!(matches!((algorithm, hex.len()), ("md5", 32) | ("sha256", 64)), "{digest}");
            assert!(!hex.contains(|digit| !"0123456789abcdef".contains(digit)), "{digest}");
        }
    }
    for archive in &manifest.archives {
        for folder in archive.folders.keys().chain([&archive.inside]) {
            assert!(followed(Path::new(folder)).is_some(), "{folder}");
        }
        assert!(archive.unpacked_at_most < u64::MAX);
    }
    for libtorch in &manifest.libtorch {
        assert!(followed(&libtorch.path).is_some(), "{}", libtorch.path.shown());
        for name in libtorch.libraries.iter().flatten().chain(libtorch.wheels.keys()) {
            assert!(followed(Path::new(name)).is_some() && !name.contains('/'), "{name}");
        }
        assert!(libtorch.archive.starts_with("http"));
        assert!(libtorch.wheels.keys().all(|name| name.ends_with("_x86_64.whl")));
        assert!(libtorch.wheels.values().all(|digest| digest.to_string().starts_with("sha256:")));
        assert!((1..=i64::MAX as u64).contains(&libtorch.size), "{}", libtorch.size);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_manifest_is_refused_or_still_safe(
        which in 0..4usize,
        damages in proptest::collection::vec(damage(), 1..4),
    ) {
        let text = damages.into_iter().fold(whole()[which].clone(), |text, damage| damage.apply(&text));
        if let Ok(manifest) = Manifest::parse(&text) {
            check_what_is_read(&manifest);
        }
    }
}

#[test]
fn valid_manifests_are_accepted() {
    for text in whole() {
        check_what_is_read(&Manifest::parse(&text).unwrap());
    }
}

#[test]
fn invalid_manifest_values_are_refused() {
    for (key, value) in [
        ("path", r#""../outside""#),
        ("path", r#""weights/../../outside""#),
        ("path", r#""/etc/passwd""#),
        ("path", r#""""#),
        ("name", r#""../outside.h5""#),
        ("name", r#""weights/""#),
        ("name", r#""..""#),
        ("size", "0"),
        ("size", "-1"),
        ("digest", r#""md5:0""#),
        ("urls", "[]"),
        ("urls", r#"["file:///etc/passwd"]"#),
        ("inside", r#""..""#),
        ("archive", r#""file:///etc/passwd""#),
        ("libraries", r#"["../libc10.so"]"#),
        (r#""train/cats""#, "-1"),
    ] {
        // The last occurrence has its value on one line, for every key.
        let at = REAL.rfind(&format!("\n{key} = ")).unwrap() + 1;
        let length = REAL[at..].find('\n').unwrap();
        let text = format!("{}{key} = {value}{}", &REAL[..at], &REAL[at + length..]);
        let error = Manifest::parse(&text).err().unwrap_or_else(|| panic!("{key} = {value}"));
        assert!(error.with_causes().contains("the manifest is invalid: "), "{error:?}");
    }
    let text = REAL.replace(r#""train/cats""#, r#""../cats""#);
    let error = Manifest::parse(&text).err().unwrap();
    assert!(
        error.with_causes().ends_with("expected a relative path without `..`, found `../cats`"),
        "{error:?}"
    );
}

#[test]
fn invalid_wheel_names_and_digests_are_refused() {
    let wheel = "torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl";
    for name in [
        "../torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl",
        "a/torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl",
        r"..\\torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl",
        "torch-2.9.0-cp310-cp310-manylinux_2_28_aarch64.whl",
        "torch-2.9.0.tar.gz",
        "torch-2.9.0-..-..-x_x86_64.whl",
        "torch-2.9.1-cp310-cp310-manylinux_2_28_x86_64.whl",
        "",
    ] {
        let error = Manifest::parse(&REAL.replace(wheel, name)).err().unwrap();
        let found = error.with_causes();
        assert!(found.contains("the manifest is invalid: expected "), "{name}: {found}");
    }
    let start = format!("\"{wheel}\" = \"");
    let at = REAL.find(&start).unwrap() + start.len();
    for digest in ["md5:6d6bbae143d832006294945121d1f1fc", "sha256:0", ""] {
        let text = format!("{}{digest}{}", &REAL[..at], &REAL[at + "sha256:".len() + 64..]);
        assert!(Manifest::parse(&text).is_err(), "{digest}");
    }
}
