//! `permafrost doctor`: describes a folder of images and reports its problems.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use photos::{
    ClassSurvey, Distribution, DuplicateGroup, Layout, PhotosError, Split, Survey,
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
    /// Folder with one subfolder of images per class, or with the folders train and validation
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
struct Finding {
    /// True if the finding impairs training or the validation metrics, false if it is only a note.
    wrong: bool,
    what: String,
    /// Suggested action, unless it is obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Affected files, each with its reason, or groups of files.
    files: Vec<String>,
}

impl Finding {
    /// Returns the finding for a fault that prevents training, with the message that `train` prints.
    fn of_fault(fault: &PhotosError) -> Self {
        let ErrorText { what, hint } = ErrorText::of(fault);
        Self { wrong: true, what, hint, files: vec![] }
    }
}

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    let layout = Layout::list(&arguments.data, None)?;
    let cache = arguments.cache.open(&[&arguments.data])?;
    let survey = Survey::of(&layout, cache.as_ref());
    warn_of_fault(cache.as_ref())?;
    let mut findings: Vec<Finding> = layout.faults().iter().map(Finding::of_fault).collect();
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

fn findings_of(survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![];
    let mut find = |wrong, what: &str, files: Vec<String>| {
        if !files.is_empty() {
            let what = format!("{} {what}", files.len());
            findings.push(Finding { wrong, what, hint: None, files });
        }
    };
    let unreadable = survey.skipped.unreadable.iter();
    find(
        true,
        "image file(s) can't be read",
        unreadable
            .map(|file| format!("`{}`: {}", file.path.shown(), file.reason.shown()))
            .collect(),
    );
    for (kind, groups) in [("identical images", &survey.same), ("near duplicates", &survey.near)] {
        let mut of = |wrong, what: &str, belongs: &dyn Fn(&DuplicateGroup) -> bool| {
            let groups = groups.iter().filter(|group| belongs(group));
            find(wrong, &format!("group(s) of {kind} {what}"), groups.map(members).collect());
        };
        of(true, "in several classes, of which at most one is correct", &|group| {
            group.spans_classes()
        });
        of(true, "in both splits, which biases the validation metrics", &|group| {
            group.spans_splits() && !group.spans_classes()
        });
        let whole =
            |group: &DuplicateGroup| group.members.iter().all(|member| member.set == Split::Whole);
        let within = |group: &DuplicateGroup| !group.spans_splits() && !group.spans_classes();
        of(
            false,
            "within a class; `train --group-duplicates` puts each group into one split",
            &|group| within(group) && whole(group),
        );
        of(false, "within a class", &|group| within(group) && !whole(group));
    }
    for set in &survey.sets {
        let least = if set.set == Split::Whole { 2 } else { 1 };
        // Classes without files are among the layout's faults.
        let classes = || set.classes.iter().filter(|class| class.files > 0);
        let few = classes().filter(|class| class.images < least);
        find(
            true,
            "class(es) with too few images for training and validation",
            few.map(|class| format!("`{}`: {}", class.class.shown(), class.images)).collect(),
        );
        let counts = || classes().map(|class| class.images);
        let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        let small = classes().filter(|class| class.images * 3 < most);
        let small: Vec<String> =
            small.map(|class| format!("`{}`: {}", class.class.shown(), class.images)).collect();
        if least * 3 < most {
            let mut what =
                format!("class(es) of {} less than a third as large as the largest", name(set.set));
            if set.set != Split::Validation {
                what += "; `train --class-weight balanced` weighs all equally";
            }
            find(false, &what, small);
        }
    }
    let (outside, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
        survey.skipped.ignored.iter().partition(|path| has_image_extension(path));
    let named =
        |files: Vec<&PathBuf>| files.iter().map(|path| format!("`{}`", path.shown())).collect();
    find(true, "image(s) outside every class folder", named(outside));
    find(false, "file(s) that are not images, which are ignored", named(others));
    let unused = survey.skipped.unused.iter().collect();
    find(false, &format!("{UNUSED}, which are ignored"), named(unused));
    findings
}

fn members(group: &DuplicateGroup) -> String {
    let member = |member: &photos::DuplicateImage| {
        format!("`{}` ({}, {})", member.path.shown(), name(member.set), member.class.shown())
    };
    group.members.iter().map(member).collect::<Vec<_>>().join(", ")
}

fn name(set: Split) -> &'static str {
    match set {
        Split::Train => "train",
        Split::Validation => "validation",
        Split::Whole => "the folder",
    }
}

fn print(out: &mut impl Write, survey: &Survey, findings: &[Finding]) -> io::Result<()> {
    for set in &survey.sets {
        let total: usize = set.classes.iter().map(|class| class.images).sum();
        write!(out, "{}: {total} images, {} classes", name(set.set), set.classes.len())?;
        if set.set != Split::Whole {
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
        for file in finding.files.iter().take(LISTED) {
            writeln!(out, "  {file}")?;
        }
        if finding.files.len() > LISTED {
            writeln!(out, "  and {} more; `--json` lists all", finding.files.len() - LISTED)?;
        }
    }
    if findings.iter().all(|finding| !finding.wrong) {
        writeln!(out, "No problems found.")?;
    }
    Ok(())
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
