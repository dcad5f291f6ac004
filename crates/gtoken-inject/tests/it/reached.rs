//! A promise holds for the worlds that are made, so those must lead to every outcome and every warning.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gtoken_inject::{Clash, Decision, Reason, Warning};

use crate::corpus::world::World;
use crate::generated::bytes;

/// How many bytes choose a world here.
const LENGTH: usize = 600;

/// How many worlds are made; the same ones in each run.
const WORLDS: u64 = 4000;

/// A name for each outcome. Whoever adds a reason adds it here and to [`OUTCOMES`].
fn outcome(decision: &Decision) -> &'static str {
    let (Decision::Deny(reason) | Decision::Skip(reason)) = decision else {
        return "injected";
    };
    match reason {
        Reason::AllSkipped
        | Reason::AlreadyInjected
        | Reason::Clash(Clash::ContainerName(_) | Clash::MountPath { .. } | Clash::VolumeName)
        | Reason::HostNetwork
        | Reason::InvalidRole { .. }
        | Reason::LeftOver { .. }
        | Reason::MirrorPod
        | Reason::NoContainers
        | Reason::NoRole
        | Reason::NoServiceAccount
        | Reason::NoServiceAccountName
        | Reason::NotAPodCreation
        | Reason::OptedOut
        | Reason::UnknownServiceAccount
        | Reason::Windows => reason.label(),
    }
}

/// All but `not-a-pod-creation` and `unknown-service-account`: worlds are about the creation of pods by what is known.
const OUTCOMES: [&str; 16] = [
    "injected",
    "all-skipped",
    "already-injected",
    "clash-container-name",
    "clash-mount-path",
    "clash-volume-name",
    "host-network",
    "invalid-role",
    "left-over",
    "mirror-pod",
    "no-containers",
    "no-role",
    "no-service-account",
    "no-service-account-name",
    "opted-out",
    "windows",
];

/// A name for each warning. Whoever adds one adds it here and to [`WARNINGS`].
fn warning(warning: &Warning) -> &'static str {
    match warning {
        Warning::InvalidGoogleIdentity { .. } => "invalid-google-identity",
        Warning::InvalidOption { .. } => "invalid-option",
        Warning::InvalidRecord => "invalid-record",
        Warning::LabelAsAnnotation => "label-as-annotation",
        Warning::Misspelt { .. } => "misspelt",
        Warning::NativeNotKept => "native-not-kept",
        Warning::NoGoogleIdentity => "no-google-identity",
        Warning::NoRole => "no-role",
        Warning::OneHourForClassic => "one-hour-for-classic",
        Warning::OneHourForNative => "one-hour-for-native",
        Warning::OneHourForOldKubelets => "one-hour-for-old-kubelets",
        Warning::OwnPodField(_) => "own-pod-field",
        Warning::RoleOnPod => "role-on-pod",
    }
}

/// All but `no-role`, which is told to whoever annotates a ServiceAccount.
const WARNINGS: [&str; 12] = [
    "invalid-google-identity",
    "invalid-option",
    "invalid-record",
    "label-as-annotation",
    "misspelt",
    "native-not-kept",
    "no-google-identity",
    "one-hour-for-classic",
    "one-hour-for-native",
    "one-hour-for-old-kubelets",
    "own-pod-field",
    "role-on-pod",
];

/// How often each was reached.
type Counts = BTreeMap<&'static str, u64>;

fn count(counts: &mut Counts, name: &'static str) {
    *counts.entry(name).or_default() += 1;
}

fn expect(counts: &Counts, names: &[&str]) {
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !counts.contains_key(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "never reached: {missing:?} of {counts:?}"
    );
}

#[test]
fn the_worlds_reach_every_outcome_and_every_warning() {
    let (mut allowed, mut denied, mut warned) = (Counts::new(), Counts::new(), Counts::new());
    let (mut changed, mut mimics) = (0, 0);
    for seed in 0..WORLDS {
        let world = World::new(&bytes(seed, LENGTH));
        let answered = world.webhook.review(&world.sent);
        let counts = match answered.decision {
            Decision::Deny(_) => &mut denied,
            Decision::Inject(_) | Decision::Skip(_) => &mut allowed,
        };
        count(counts, outcome(&answered.decision));
        mimics += u64::from(world.mimics);
        if let Decision::Inject(injection) = &answered.decision {
            changed += u64::from(world.own != world.sent);
            for one in injection.warnings() {
                count(&mut warned, warning(one));
            }
        }
    }
    expect(&allowed, &OUTCOMES);
    let never_denied = ["injected", "already-injected", "mirror-pod", "opted-out"];
    let deniable: Vec<_> = OUTCOMES
        .into_iter()
        .filter(|name| !never_denied.contains(name))
        .collect();
    expect(&denied, &deniable);
    assert!(
        never_denied.iter().all(|name| !denied.contains_key(name)),
        "{denied:?}"
    );
    expect(&warned, &WARNINGS);
    let (few, many) = (WORLDS / 50, WORLDS / 4);
    assert!(
        changed.min(mimics) > few,
        "{changed} brought up to date, {mimics} mimics"
    );
    assert!(
        allowed["injected"] > many,
        "most worlds are skipped: {allowed:?}"
    );
}

/// A fuzzer begins with these; `UPDATE_CASES=1` finds others after the choices have changed.
#[test]
fn the_corpus_has_a_world_for_each_outcome() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/patch");
    for name in OUTCOMES {
        let path = folder.join(name);
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&path, shortest(name)).expect("the corpus is writable");
        }
        let chosen = fs::read(&path).expect("the corpus has it");
        assert_eq!(reached(&chosen), name, "{}", path.display());
    }
}

fn reached(bytes: &[u8]) -> &'static str {
    let world = World::new(bytes);
    outcome(&world.webhook.review(&world.sent).decision)
}

/// The first bytes found that lead there, without those that are not needed.
fn shortest(name: &str) -> Vec<u8> {
    let mut worlds = (0..WORLDS).map(|seed| bytes(seed, LENGTH));
    let mut found = worlds
        .find(|bytes| reached(bytes) == name)
        .expect("it is reached");
    while let Some((_, fewer)) = found.split_last()
        && reached(fewer) == name
    {
        found.truncate(fewer.len());
    }
    found
}
