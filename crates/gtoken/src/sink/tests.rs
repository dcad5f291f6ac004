use std::os::unix::fs::{MetadataExt as _, symlink};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::*;
use crate::testing::{NOW, expectation, jwt};

fn token(life: u64) -> IdToken {
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    expectation().check(jwt(NOW, NOW + life), now).unwrap()
}

fn sink_in(folder: &TempDir) -> (Sink, PathBuf) {
    let path = folder.path().join("gtoken");
    let file = TokenFile::at(path.to_str().unwrap()).unwrap();
    (Sink::File(file), path)
}

fn names(folder: &TempDir) -> Vec<OsString> {
    let mut names: Vec<OsString> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

#[test]
fn the_file_holds_the_token_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sink, path) = sink_in(&folder);
    sink.publish(&token(60)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), token(60).expose());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    assert_eq!(names(&folder), ["gtoken"]);
    assert_eq!(sink.published().as_deref(), Some(token(60).expose()));
}

#[test]
fn a_new_token_is_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sink, path) = sink_in(&folder);
    sink.publish(&token(60)).unwrap();
    let mut held_open = File::open(&path).unwrap();
    sink.publish(&token(120)).unwrap();
    let mut seen = String::new();
    held_open.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, token(60).expose(), "the file was changed in place");
    assert_eq!(fs::read_to_string(&path).unwrap(), token(120).expose());
}

#[test]
fn a_failure_names_path_and_reason_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").join("gtoken");
    let mut sink = Sink::File(TokenFile::at(missing.to_str().unwrap()).unwrap());
    let error = sink.publish(&token(60)).unwrap_err();
    assert_eq!(error.retry(), Retry::NeedsPerson);
    let text = error.to_string();
    assert!(text.contains(missing.to_str().unwrap()), "{text}");
    assert!(text.contains("No such file or directory"), "{text}");
    assert!(names(&folder).is_empty());
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sink, path) = sink_in(&folder);
    fs::create_dir(&path).unwrap();
    assert_eq!(
        sink.publish(&token(60)),
        Err(SinkError::NotAFile(path.clone()))
    );
    fs::remove_dir(&path).unwrap();
    symlink("elsewhere", &path).unwrap();
    assert_eq!(sink.publish(&token(60)), Err(SinkError::NotAFile(path)));
    assert_eq!(sink.published(), None);
    assert_eq!(names(&folder), ["gtoken"]);
}

#[test]
fn a_file_in_the_way_of_the_temporary_one_is_replaced_and_a_link_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sink, path) = sink_in(&folder);
    let Sink::File(file) = &sink else {
        unreachable!()
    };
    let victim = folder.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    symlink(
        &victim,
        folder.path().join(file.temporary_name(process::id())),
    )
    .unwrap();
    sink.publish(&token(60)).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(fs::read_to_string(&path).unwrap(), token(60).expose());
    assert_eq!(names(&folder), ["gtoken", "victim"]);
}

#[test]
fn only_leftovers_of_this_token_file_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, _) = sink_in(&folder);
    let kept = [
        ".gtoken.gtoken-",
        ".gtoken.gtoken-1x",
        ".gtoken.swp",
        ".other.gtoken-1",
        "gtoken",
        "gtoken.gtoken-1",
    ];
    for name in kept
        .iter()
        .chain(&[".gtoken.gtoken-1", ".gtoken.gtoken-4711"])
    {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    sink.clear_leftovers();
    assert_eq!(names(&folder), kept);
}

#[test]
fn a_bare_name_is_a_file_here() {
    let file = TokenFile::at("gtoken").unwrap();
    assert_eq!(file.folder, Path::new("."));
}

#[test]
fn nobody_can_mend_a_closed_standard_output() {
    assert_eq!(
        SinkError::Stdout(ErrorKind::BrokenPipe).retry(),
        Retry::Never
    );
}
