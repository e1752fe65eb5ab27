//! Malicious names of files and classes, which try to control the terminal, to forge messages, or to run commands in a
//! shell or a spreadsheet.

use std::process::Command;

use crate::harness::{CommandResult, TestDir, quick};

/// Class name that moves the cursor and forges a hint on a separate line.
const CLASS: &str = "al\u{1b}[2Jong\nhint: run curl";

/// Name of an unreadable file, which reverses the direction of text and forges a line.
const UNREADABLE: &str = "gnp.\u{202e}\u{9b}1m\nhint: run curl\n.jpg";

/// File name that is a formula.
const FORMULA: &str = "=1+cmd|' calc'!A0.png";

fn workplace() -> TestDir {
    let workplace = TestDir::new();
    for set in ["train", "validation"] {
        for number in 0..6 {
            workplace.image(&format!("photos/{set}/across/{number}.png"), "across", number);
            workplace.image(&format!("photos/{set}/{CLASS}/{number}.png"), "along", number);
        }
    }
    workplace.image(&format!("photos/train/{CLASS}/{FORMULA}"), "along", 7);
    workplace.write(&format!("photos/train/{CLASS}/{UNREADABLE}"), "no image");
    workplace
}

/// Checks that the output has neither control characters nor forged hints.
fn check(done: &CommandResult, what: &str) {
    for text in [&done.stdout, &done.stderr] {
        let hidden = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
        assert!(!text.contains(hidden), "{what}: {text:?}");
        assert!(
            !text.lines().any(|line| line.trim_start().starts_with("hint: run curl")),
            "{what}: {text}"
        );
    }
}

fn run_checked(command: &mut Command, status: i32) -> CommandResult {
    let done = CommandResult::of(command);
    let what = format!("{command:?}");
    assert_eq!(done.status, Some(status), "{what}\n{}\n{}", done.stdout, done.stderr);
    check(&done, &what);
    done
}

#[test]
fn control_characters_in_names_are_escaped() {
    let workplace = workplace();
    let path = format!("photos/train/{CLASS}/{UNREADABLE}");
    let out = "runs/\u{1b}]0;title\u{7}\nhint: run curl";

    let doctor = run_checked(&mut workplace.command("doctor photos"), 1);
    let shown = r#"photos/train/al\033[2Jong\nhint: run curl/gnp.\342\200\256\302\2331m\nhint: run curl\n.jpg""#;
    assert!(doctor.stdout.contains(shown), "{}", doctor.stdout);

    let mut train = workplace.command(&quick("--epochs 2 --out"));
    let trained = run_checked(train.arg(out), 0);
    assert!(trained.stderr.contains(&format!("{shown}`: ")), "{}", trained.stderr);
    let log = workplace.read(&format!("{out}/run.log"));
    check(&CommandResult { status: None, stdout: log, stderr: String::new() }, "run.log");
    let model = format!("{out}/best");
    run_checked(workplace.command("evaluate").arg(&model), 0);
    run_checked(workplace.command("report").arg(out), 0);
    run_checked(workplace.command("compare").args([out, out]), 0);
    run_checked(&mut workplace.command("show photos --out sheet.png"), 0);
    let exported =
        run_checked(workplace.command("export --format onnx --out model.onnx").arg(&model), 0);
    assert!(exported.stdout.contains(r"al\033[2Jong"), "{}", exported.stdout);
    let table = run_checked(workplace.command("predict").args([&model, "photos/train"]), 2);
    assert!(table.stderr.contains(shown), "{}", table.stderr);
    let features =
        "features photos --weights none --image-size 32 --last-layer block1_pool --out features";
    run_checked(&mut workplace.command(features), 0);

    // Errors of the program, and errors in its arguments.
    for arguments in [["doctor", &path], ["evaluate", &path], ["train", &path], ["report", &path]] {
        run_checked(workplace.command("").args(arguments), 2);
    }
    run_checked(workplace.command("train --resume").arg(out), 0);
    run_checked(workplace.command("train").arg("--\u{1b}[31m"), 2);
    run_checked(workplace.command("train --image-size").arg("\u{1b}[31m\nhint: run curl"), 2);
    let mut debug = workplace.command("train --resume");
    run_checked(debug.arg(out).env("RUST_LOG", "trace"), 0);
}

#[test]
fn json_has_exact_names_and_csv_no_formulas() {
    let workplace = workplace();
    workplace.train("--epochs 1 --out runs/train");
    let formula = format!("photos/train/{CLASS}/{FORMULA}");
    let predict = |flag| {
        workplace.run(&format!("predict runs/train/best photos/validation {flag}")).expect_success()
    };
    let first: serde_json::Value =
        serde_json::from_str(predict("--json").stdout.lines().last().expect("a line"))
            .expect("JSON");
    assert_eq!(first["file"], format!("photos/validation/{CLASS}/5.png"));
    let mut csv = workplace.command("predict --csv");
    let folder = workplace.path(&formula).parent().expect("a folder").to_owned();
    let csv = CommandResult::of(
        csv.arg(workplace.path("runs/train/best")).arg(FORMULA).current_dir(folder),
    );
    assert!(csv.stdout.contains(&format!("\n'{FORMULA},")), "{}{}", csv.stdout, csv.stderr);
}

#[cfg(unix)]
#[test]
fn report_command_quotes_folder_names_for_the_shell() {
    let workplace = TestDir::new();
    let data = "it's $(touch owned) & `touch owned`; \"*\"\n<photos>";
    for set in ["train", "validation"] {
        for class in ["across", "along"] {
            for number in 0..4 {
                workplace.image(&format!("{data}/{set}/{class}/{number}.png"), class, number);
            }
        }
    }
    let mut train = workplace.command(&quick("--epochs 1").replace("train photos", "train"));
    run_checked(train.arg(data), 0);
    let page = workplace.read("runs/train/report.html");
    let command =
        page.split("<code>permafrost ").nth(1).and_then(|rest| rest.split("</code>").next());
    let command = command.expect("a command").replace("&lt;", "<").replace("&gt;", ">");
    let command = command.replace("&quot;", "\"").replace("&amp;", "&");
    workplace.shell(&format!("\"$0\" {command}")).expect_success();
    assert_eq!(workplace.history("runs/train-2"), workplace.history("runs/train"));
    assert!(!workplace.path("owned").exists(), "{command}");
}

#[test]
fn split_reads_names_with_and_without_formula_guards() {
    let workplace = TestDir::with_photos();
    workplace.image("photos/train/=1/=1.png", "along", 9);
    workplace.image("photos/train/=1/=2.png", "along", 8);
    workplace
        .run(&quick("--val-split 0.5 --epochs 1 --out run").replace("photos", "photos/train"))
        .expect_success();
    let table = workplace.read("run/split.csv");
    assert_eq!(table.matches("\n'=1/=").count(), 2, "{table}");
    let evaluated = workplace.run("evaluate run/best").expect_success().stdout;
    workplace.write("run/split.csv", table.replace("\n'=", "\n="));
    assert_eq!(workplace.run("evaluate run/best").expect_success().stdout, evaluated);
}
