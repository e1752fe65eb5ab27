//! `completions` and `man`: completion scripts for shells, and manual pages.

use crate::harness::TestDir;

#[test]
fn completions_are_generated_for_every_shell() {
    let workplace = TestDir::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = workplace.run(&format!("completions {shell}")).expect_success();
        for word in ["permafrost", "predict", "reduce-on-plateau"] {
            assert!(done.stdout.contains(word), "{word} for {shell}");
        }
        assert_eq!(done.stderr, "");
    }
    let done = workplace.run("completions tcsh");
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains("fish"), "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn bash_completion_completes_a_command() {
    let script = "source <(\"$0\" completions bash); COMP_WORDS=(permafrost ev); COMP_CWORD=1; _permafrost permafrost ev permafrost; echo \"${COMPREPLY[@]}\"";
    let done = TestDir::new().shell(script).expect_success();
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("evaluate\n", ""));
}

#[test]
fn the_manual_has_a_page_for_the_program_and_each_command() {
    let workplace = TestDir::new();
    let program = workplace.run("man").expect_success().stdout;
    assert!(program.contains(".TH permafrost 1 "), "{program}");
    let train = workplace.run("man train").expect_success().stdout;
    assert!(train.contains(".TH permafrost-train 1 "), "{train}");
    for part in ["\\-\\-epochs", "Examples:", "permafrost train \\-\\-demo"] {
        assert!(train.contains(part), "{part} in {train}");
    }
    let done = workplace.run("man trian");
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains("`trian`\nhint: choose one of train, "), "{}", done.stderr);
}
