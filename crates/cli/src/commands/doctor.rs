//! `permafrost doctor`: describes a folder of images and reports its problems.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use photos::{
    ClassSurvey, Distribution, DuplicateGroup, Layout, PhotosError, Split, SplitSurvey, Survey,
    has_image_extension,
};
use quoting::Shown;
use serde::Serialize;

use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::hints::ErrorText;
use crate::printed::stdout;
use crate::skipped::UNUSED;

/// Exit status if the folder has a problem.
const HAS_PROBLEMS: u8 = 1;

/// Maximum number of files or groups printed for a finding.
const LISTED: usize = 20;

/// Check a folder of images: contents, unreadable files, duplicates, leaks between the splits
///
/// No file is changed. The exit status is 1 if there is a problem.
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost doctor photos
  permafrost doctor photos --json")]
pub(crate) struct DoctorArguments {
    /// Folder with one subfolder of images per class, or with the folders train, validation and test
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArguments,
}

/// Finding about the folder.
#[derive(Serialize)]
struct Finding<'a> {
    /// True if the finding impairs training or the validation metrics, false if it is only a note.
    wrong: bool,
    kind: Kind,
    what: String,
    /// Kind of duplicates.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<Duplicates>,
    /// Suggested action, unless it is obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Affected files and folders.
    files: Vec<FileRecord<'a>>,
    /// Groups of duplicates.
    groups: Vec<Vec<FileRecord<'a>>>,
    /// Affected classes.
    classes: Vec<ClassRecord<'a>>,
}

/// Kind of a finding, for programs.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Layout,
    Unreadable,
    DuplicatesAcrossClasses,
    DuplicatesAcrossSplits,
    DuplicatesWithinClass,
    FewImages,
    Imbalance,
    OutsideClasses,
    NotImages,
    UnusedFolders,
}

/// Kind of duplicates.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Duplicates {
    Identical,
    Near,
}

impl Duplicates {
    fn text(self) -> &'static str {
        match self {
            Self::Identical => "identical images",
            Self::Near => "near duplicates",
        }
    }
}

/// File or folder of a finding.
#[derive(Serialize)]
struct FileRecord<'a> {
    path: Cow<'a, str>,
    /// Split; `None` for a file in none.
    split: Option<Split>,
    /// Class; `None` for a file in none.
    class: Option<&'a str>,
    /// Why the file can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Class of a finding.
#[derive(Serialize)]
struct ClassRecord<'a> {
    class: &'a str,
    split: Split,
    /// Number of readable images.
    images: usize,
}

impl<'a> Finding<'a> {
    fn new(wrong: bool, kind: Kind, what: String) -> Self {
        let (files, groups, classes) = (vec![], vec![], vec![]);
        Self { wrong, kind, what, duplicates: None, hint: None, files, groups, classes }
    }

    /// Returns the finding for a fault that prevents training, with the message that `train` prints.
    fn of_fault(fault: &'a PhotosError) -> Self {
        let ErrorText { what, hint } = ErrorText::of(fault);
        let mut files = vec![];
        if let PhotosError::EmptyClass { class, folder } = fault {
            let path = folder.to_string_lossy();
            files.push(FileRecord { path, split: None, class: Some(class), reason: None });
        }
        Self { hint, files, ..Self::new(true, Kind::Layout, what) }
    }

    /// Returns the affected files, groups and classes as lines of text.
    fn lines(&self) -> Vec<String> {
        let file = |file: &FileRecord<'_>| match file.reason {
            Some(reason) => format!("`{}`: {}", file.path.shown(), reason.shown()),
            None => format!("`{}`", file.path.shown()),
        };
        let member = |member: &FileRecord<'_>| {
            let class = member.class.unwrap_or_default();
            let split = member.split.map_or("no split", name);
            format!("{} ({split}, {})", file(member), class.shown())
        };
        let group =
            |group: &Vec<FileRecord<'_>>| group.iter().map(member).collect::<Vec<_>>().join(", ");
        let class =
            |class: &ClassRecord<'_>| format!("`{}`: {}", class.class.shown(), class.images);
        let files = self.files.iter().map(file);
        files.chain(self.groups.iter().map(group)).chain(self.classes.iter().map(class)).collect()
    }
}

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    let layout = Layout::list(&arguments.data, None)?;
    let cache = arguments.cache.open(&[&arguments.data])?;
    let survey = Survey::of(&layout, cache.as_ref());
    warn_of_fault(cache.as_ref())?;
    let faults = layout.faults();
    let mut findings: Vec<Finding<'_>> = faults.iter().map(Finding::of_fault).collect();
    findings.extend(findings_of(&survey));
    let wrong = findings.iter().any(|finding| finding.wrong);
    if arguments.json {
        let page = serde_json::json!({"survey": survey, "findings": findings, "wrong": wrong});
        writeln!(io::stdout(), "{page}")?;
    } else {
        print(&mut stdout(), &survey, &findings)?;
    }
    Ok(if wrong { ExitCode::from(HAS_PROBLEMS) } else { ExitCode::SUCCESS })
}

fn findings_of(survey: &Survey) -> Vec<Finding<'_>> {
    let mut findings = vec![];
    let skipped = &survey.skipped;
    let unreadable = skipped
        .unreadable
        .iter()
        .map(|file| FileRecord { reason: Some(&file.reason), ..record_of(survey, &file.path) });
    add_files(&mut findings, true, Kind::Unreadable, "image file(s) can't be read", unreadable);
    for (kind, groups) in [(Duplicates::Identical, &survey.same), (Duplicates::Near, &survey.near)]
    {
        add_duplicates(&mut findings, kind, groups);
    }
    for set in &survey.sets {
        add_classes(&mut findings, set);
    }
    let (outside, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
        skipped.ignored.iter().partition(|path| has_image_extension(path));
    let unused = skipped.unused.iter().collect();
    for (wrong, kind, what, paths) in [
        (true, Kind::OutsideClasses, "image(s) outside every class folder", outside),
        (false, Kind::NotImages, "file(s) that are not images, which are ignored", others),
        (false, Kind::UnusedFolders, &*format!("{UNUSED}, which are ignored"), unused),
    ] {
        let files = paths.into_iter().map(|path| record_of(survey, path));
        add_files(&mut findings, wrong, kind, what, files);
    }
    findings
}

/// Adds a finding about files, unless there are none.
fn add_files<'a>(
    findings: &mut Vec<Finding<'a>>,
    wrong: bool,
    kind: Kind,
    what: &str,
    files: impl IntoIterator<Item = FileRecord<'a>>,
) {
    let files: Vec<FileRecord<'_>> = files.into_iter().collect();
    if !files.is_empty() {
        let what = format!("{} {what}", files.len());
        findings.push(Finding { files, ..Finding::new(wrong, kind, what) });
    }
}

/// Adds the findings about groups of duplicates.
fn add_duplicates<'a>(
    findings: &mut Vec<Finding<'a>>,
    kind: Duplicates,
    groups: &'a [DuplicateGroup],
) {
    let is_whole =
        |group: &DuplicateGroup| group.members.iter().any(|member| member.set == Split::Whole);
    let mut add = |wrong, of, what: &str, belongs: &dyn Fn(&DuplicateGroup) -> bool| {
        let groups: Vec<Vec<FileRecord<'_>>> =
            groups.iter().filter(|group| belongs(group)).map(records_of).collect();
        if !groups.is_empty() {
            let what = format!("{} group(s) of {} {what}", groups.len(), kind.text());
            let duplicates = Some(kind);
            findings.push(Finding { duplicates, groups, ..Finding::new(wrong, of, what) });
        }
    };
    add(
        true,
        Kind::DuplicatesAcrossClasses,
        "in several classes, of which at most one is correct",
        &DuplicateGroup::spans_classes,
    );
    add(
        true,
        Kind::DuplicatesAcrossSplits,
        "in several splits, which biases the metrics",
        &|group| group.spans_splits() && !group.spans_classes(),
    );
    let within = |group: &DuplicateGroup| !group.spans_splits() && !group.spans_classes();
    add(
        false,
        Kind::DuplicatesWithinClass,
        "within a class; `train --group-duplicates` puts each group into one split",
        &|group| within(group) && is_whole(group),
    );
    add(false, Kind::DuplicatesWithinClass, "within a class", &|group| {
        within(group) && !is_whole(group)
    });
}

/// Adds the findings about classes with few images.
fn add_classes<'a>(findings: &mut Vec<Finding<'a>>, set: &'a SplitSurvey) {
    let least = if set.set == Split::Whole { 2 } else { 1 };
    // Classes without files are among the layout's faults.
    let classes = || set.classes.iter().filter(|class| class.files > 0);
    let mut add = |wrong, kind, what: &str, is_small: &dyn Fn(usize) -> bool| {
        let small = classes().filter(|class| is_small(class.images));
        let record = |class: &'a ClassSurvey| ClassRecord {
            class: &class.class,
            split: set.set,
            images: class.images,
        };
        let classes: Vec<ClassRecord<'_>> = small.map(record).collect();
        if !classes.is_empty() {
            let what = format!("{} {what}", classes.len());
            findings.push(Finding { classes, ..Finding::new(wrong, kind, what) });
        }
    };
    let few = match set.set {
        Split::Whole => "class(es) with too few images for training and validation".to_owned(),
        split => format!("class(es) of {} with too few images", name(split)),
    };
    add(true, Kind::FewImages, &few, &|images| images < least);
    let most = classes().map(|class| class.images).max().unwrap_or(0);
    let mut what =
        format!("class(es) of {} less than a third as large as the largest", name(set.set));
    if matches!(set.set, Split::Train | Split::Whole) {
        what += "; `train --class-weight balanced` weighs all equally";
    }
    add(false, Kind::Imbalance, &what, &|images| images * 3 < most);
}

fn records_of(group: &DuplicateGroup) -> Vec<FileRecord<'_>> {
    let records = group.members.iter().map(|member| FileRecord {
        path: member.path.to_string_lossy(),
        split: Some(member.set),
        class: Some(&member.class),
        reason: None,
    });
    records.collect()
}

/// Returns the record of a file, with its split and class if it is in one.
fn record_of<'a>(survey: &'a Survey, path: &'a Path) -> FileRecord<'a> {
    let located = survey.sets.iter().find_map(|set| {
        let class = path.strip_prefix(&set.folder).ok()?.iter().next()?.to_str()?;
        set.classes.iter().find(|found| found.class == class).map(|class| (set.set, class))
    });
    FileRecord {
        path: path.to_string_lossy(),
        split: located.map(|(split, _)| split),
        class: located.map(|(_, class)| class.class.as_str()),
        reason: None,
    }
}

fn name(set: Split) -> &'static str {
    match set {
        Split::Train => "train",
        Split::Validation => "validation",
        Split::Test => "test",
        Split::Whole => "the folder",
    }
}

fn print(out: &mut impl Write, survey: &Survey, findings: &[Finding<'_>]) -> io::Result<()> {
    for set in &survey.sets {
        let total: usize = set.classes.iter().map(|class| class.images).sum();
        write!(out, "{}: {total} images, {} classes", name(set.set), set.classes.len())?;
        if set.set != Split::Whole || survey.sets.len() > 1 {
            write!(out, ", in `{}`", set.folder.shown())?;
        }
        writeln!(out)?;
        for class in &set.classes {
            let share = 100.0 * class.images as f64 / total.max(1) as f64;
            writeln!(out, "  {}: {} ({share:.0} %)", class.class.shown(), class.images)?;
            print_class(out, class)?;
        }
    }
    for finding in findings {
        writeln!(out, "{}: {}", if finding.wrong { "error" } else { "note" }, finding.what)?;
        if let Some(hint) = &finding.hint {
            writeln!(out, "  hint: {hint}")?;
        }
        let lines = finding.lines();
        for line in lines.iter().take(LISTED) {
            writeln!(out, "  {line}")?;
        }
        if lines.len() > LISTED {
            writeln!(out, "  and {} more; `--json` lists all", lines.len() - LISTED)?;
        }
    }
    if findings.iter().any(|finding| finding.wrong) {
        return Ok(());
    }
    match findings.iter().any(|finding| finding.kind == Kind::DuplicatesWithinClass) {
        true => writeln!(out, "No other problems than duplicates found."),
        false => writeln!(out, "No problems found."),
    }
}

fn print_class(out: &mut impl Write, class: &ClassSurvey) -> io::Result<()> {
    let (Some(width), Some(height)) = (class.width, class.height) else { return Ok(()) };
    let spread = |spread: Distribution| {
        format!("{} to {} pixels (median {})", spread.smallest, spread.largest, spread.median)
    };
    writeln!(out, "    width {}, height {}", spread(width), spread(height))?;
    let kinds = [counts(&class.formats), counts(&class.colors)].concat();
    let special = [
        ("turned upright", class.turned),
        ("with transparency that is ignored", class.with_alpha),
        ("with 16 bits, scaled to 8", class.with_16_bits),
        ("with an ICC profile that is ignored", class.with_profile),
    ];
    let special = special.iter().filter(|(_, count)| *count > 0);
    let special = special.map(|(what, count)| format!("{count} {what}"));
    writeln!(out, "    {}", kinds.into_iter().chain(special).collect::<Vec<_>>().join(", "))
}

fn counts<T: Serialize + Ord>(counts: &BTreeMap<T, usize>) -> Vec<String> {
    let text = |kind: &T| serde_json::to_value(kind).ok()?.as_str().map(String::from);
    let count = |(kind, count): (&T, &usize)| format!("{count} {}", shown(text(kind)));
    counts.iter().map(count).collect()
}

fn shown(text: Option<impl Display>) -> String {
    text.map_or_else(|| "of another type".into(), |text| text.to_string())
}
