//! `report.html` of a run.

use crate::permafrost::Workplace;

#[test]
fn a_run_ends_with_its_page_which_can_be_made_again() {
    let workplace = Workplace::with_photos();
    let done = workplace.train("--epochs 2 --out run --device cpu");
    assert!(done.stdout.contains("Report: run/report.html"), "{}", done.stdout);
    assert_eq!(done.stderr, "");
    let page = workplace.read("run/report.html");
    for part in
        ["of 12 validation photographs told right", "across", "along", "SHA-256", "--epochs 2"]
    {
        assert!(page.contains(part), "{part}");
    }
    std::fs::remove_file(workplace.path("run/report.html")).expect("a page");
    let done = workplace.run("report run --device cpu").expect_success();
    assert!(done.stdout.contains("Wrote run/report.html."), "{}", done.stdout);
    assert!(workplace.read("run/report.html") == page);

    for (arguments, part) in
        [("report nowhere", "no run at `nowhere`"), ("report photos", "no run at `photos`")]
    {
        let done = workplace.run(arguments);
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains(part) && done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
}
