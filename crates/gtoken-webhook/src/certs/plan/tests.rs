//! What is to be done in which state; and that it is right, whatever happens in between.

mod world;

use std::sync::OnceLock;

use proptest::prelude::*;
use world::{Event, KEYS, Meddling, World};

use super::*;

const DAY: Duration = Duration::from_hours(24);

/// In January 2027.
fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn policy() -> Policy {
    Policy {
        names: "gtoken-webhook-svc.gtoken.svc".parse().unwrap(),
        authority_life: DAY * 365,
        leaf_life: DAY * 7,
        propagation: Duration::from_mins(1),
    }
}

/// Two certificates of somebody else, good for longer than any test.
fn strangers() -> &'static [Certificate; 2] {
    static MADE: OnceLock<[Certificate; 2]> = OnceLock::new();
    MADE.get_or_init(|| {
        [(); 2].map(|()| {
            let made = rcgen::generate_simple_self_signed(["stranger".to_owned()]).unwrap();
            Certificate::read(made.cert.der().clone()).unwrap()
        })
    })
}

/// One replica alone, whose steps all succeed.
struct Alone {
    policy: Policy,
    passed: Duration,
    began: Instant,
    stored: Stored,
    entries: Entries,
    seen: Seen,
    hindered: BTreeSet<Written>,
}

impl Alone {
    /// Just after the chart was installed.
    fn new() -> Self {
        let entries = ["required", "optional"].map(|name| (name.to_owned(), CaBundle::default()));
        Self {
            policy: policy(),
            passed: Duration::ZERO,
            began: Instant::now(),
            stored: Stored::default(),
            entries: entries.into(),
            seen: Seen::default(),
            hindered: BTreeSet::new(),
        }
    }

    /// With all that is needed, and long since.
    fn at_rest() -> Self {
        let mut alone = Self::new();
        alone.steps();
        alone.after(alone.policy.propagation);
        alone
    }

    fn view(&self) -> View<'_> {
        View {
            policy: &self.policy,
            now: epoch() + self.passed,
            instant: self.began + self.passed,
            stored: &self.stored,
            entries: &self.entries,
            seen: &self.seen,
        }
    }

    /// Takes steps until there is nothing to do, and tells which.
    fn steps(&mut self) -> String {
        let mut labels = Vec::new();
        for _ in 0..10 {
            let (now, propagation) = (self.began + self.passed, self.policy.propagation);
            self.seen.look(&self.entries, now, propagation);
            let step = plan(&self.view(), &self.hindered);
            match &step {
                Step::Keep(change) => self.stored = change.apply(&self.view()).unwrap(),
                Step::Publish(bundles) => self.entries = bundles.clone(),
                Step::Rest => return labels.join(" "),
            }
            labels.push(step.label());
        }
        panic!("no end: {labels:?}");
    }

    /// The same, some time later, in which it looked often.
    fn after(&mut self, time: Duration) -> String {
        let (now, propagation) = (self.began + self.passed, self.policy.propagation);
        self.passed += time;
        self.seen
            .look(&self.entries, now + time, propagation.max(time));
        self.steps()
    }

    fn put(&mut self, entry: &str, certificates: impl IntoIterator<Item = Certificate>) {
        let bundle = CaBundle::of(certificates);
        self.entries.insert(entry.to_owned(), bundle);
    }

    fn leaf(&self) -> Certificate {
        self.stored.leaf.as_ref().unwrap().certificate().clone()
    }
}

#[test]
fn a_first_start_makes_publishes_and_signs() {
    let mut alone = Alone::new();
    assert_eq!(alone.steps(), "make-authority publish sign-leaf");
    assert!(alone.view().is_to_be_served(None));
    assert!(!alone.view().is_to_be_served(Some(&alone.leaf())));
    assert_eq!(alone.after(DAY), "");
}

#[test]
fn a_leaf_is_renewed_at_two_thirds_of_its_life() {
    let mut alone = Alone::at_rest();
    let held = alone.leaf();
    assert_eq!(alone.after(Duration::from_mins(112 * 60 - 2)), "");
    assert_eq!(alone.after(Duration::from_mins(1)), "sign-leaf");
    assert!(alone.view().is_to_be_served(Some(&held)));
}

#[test]
fn a_rotation_has_its_order_and_its_waits() {
    let mut alone = Alone::at_rest();
    for _ in 0..60 {
        assert_eq!(alone.after(DAY * 4 + Duration::from_hours(1)), "");
        // Renewals, which move on until two thirds of a year are over.
        if alone.after(Duration::from_hours(20)) != "sign-leaf" {
            break;
        }
    }
    let held = alone.leaf();
    assert!(alone.stored.next.is_some() && alone.passed > DAY * 243);
    assert_eq!(alone.entries["required"].certificates().len(), 2);
    assert!(!alone.view().is_to_be_served(Some(&held)));
    assert_eq!(alone.after(Duration::from_secs(59)), "");
    assert_eq!(alone.after(Duration::from_secs(1)), "rotate-authority");
    assert!(alone.view().is_to_be_served(Some(&held)));
    let end = held.validity().not_after;
    // The old one stays as long as the last leaf of it, the wait, and a clock that is off.
    let left = end.duration_since(epoch() + alone.passed).unwrap();
    let stays = left + Duration::from_secs(61 * 60 - 1);
    alone.after(stays);
    assert_eq!(alone.entries["required"].certificates().len(), 2);
    assert_eq!(
        alone.after(Duration::from_secs(1)),
        "retire-authority publish"
    );
    assert_eq!(alone.entries["required"].certificates().len(), 1);
}

#[test]
fn what_is_found_wrong_is_put_right() {
    type Change = fn(&mut Alone);
    let cases: [(&str, Change, &str); 12] = [
        (
            "a caBundle was emptied",
            |alone| alone.put("required", []),
            "publish",
        ),
        (
            "a caBundle was overwritten by somebody else",
            |alone| alone.put("required", [strangers()[0].clone()]),
            "publish put-right publish",
        ),
        (
            "a caBundle holds litter",
            |alone| {
                let bundle = format!("nonsense\n{}", alone.entries["optional"].pem());
                let bundle = CaBundle::read(format!("{bundle}{bundle}").as_bytes());
                alone.entries.insert("optional".to_owned(), bundle);
            },
            "publish",
        ),
        (
            "an entry was added",
            |alone| alone.put("warn", []),
            "publish",
        ),
        (
            "somebody added a certificate",
            |alone| {
                let own = alone.entries["required"].certificates().to_vec();
                alone.put("required", own.into_iter().chain(strangers().clone()));
            },
            "put-right publish",
        ),
        (
            "the Secret was emptied",
            |alone| alone.stored = Stored::default(),
            "make-authority publish sign-leaf",
        ),
        (
            "the leaf is gone",
            |alone| alone.stored.leaf = None,
            "sign-leaf",
        ),
        (
            "the leaf is for another name",
            |alone| alone.policy.names = "other.gtoken.svc".parse().unwrap(),
            "sign-leaf",
        ),
        (
            "the leaf is of an authority that nobody knows",
            |alone| {
                let (now, life) = (epoch() + alone.passed, DAY * 7);
                let other = Authority::make(now, life).unwrap();
                alone.stored.leaf = Some(other.sign(&alone.policy.names, now, life).unwrap());
            },
            "sign-leaf",
        ),
        (
            "the authority is gone",
            |alone| alone.stored.current = None,
            "make-authority publish",
        ),
        (
            "the state is gone",
            |alone| alone.stored.is_taken_over = false,
            "adopt",
        ),
        (
            "everything has ended",
            |alone| alone.passed += DAY * 400,
            "make-next-authority publish rotate-authority retire-authority publish",
        ),
    ];
    for (what, change, steps) in cases {
        let mut alone = Alone::at_rest();
        change(&mut alone);
        assert_eq!(alone.steps(), steps, "{what}");
    }
}

#[test]
fn certificates_of_others_stay_a_day_where_they_were_before_us() {
    let mut alone = Alone::new();
    alone.put("required", [strangers()[0].clone()]);
    assert_eq!(alone.steps(), "make-authority publish sign-leaf");
    assert!(alone.entries["required"].holds(&strangers()[0]));
    assert_eq!(alone.after(DAY), "");
    assert_eq!(
        alone.after(Duration::from_mins(61)),
        "retire-authority publish"
    );
    assert!(!alone.entries["required"].holds(&strangers()[0]));
}

#[test]
fn what_cannot_be_written_keeps_nothing_else_from_being_done() {
    let mut alone = Alone::at_rest();
    alone.put("required", []);
    alone.stored.leaf = None;
    alone.hindered = [Written::Configuration].into();
    assert_eq!(
        alone.steps(),
        "",
        "no leaf without its authority in every caBundle"
    );
    alone.hindered = [Written::Secret].into();
    assert_eq!(alone.steps(), "publish");
    alone.hindered = BTreeSet::new();
    assert_eq!(alone.steps(), "sign-leaf");

    alone.put(
        "optional",
        alone.entries["required"]
            .certificates()
            .to_vec()
            .into_iter()
            .chain(strangers().clone()),
    );
    alone.hindered = [Written::Configuration].into();
    alone.stored.leaf = None;
    assert_eq!(alone.steps(), "sign-leaf");
}

#[test]
fn whoever_has_not_looked_for_a_while_begins_to_wait_anew() {
    let mut alone = Alone::at_rest();
    let authority = alone.stored.current.as_ref().unwrap().certificate().clone();
    assert!(alone.view().is_settled(&authority));
    let now = alone.began + alone.passed + Duration::from_secs(61);
    alone
        .seen
        .look(&alone.entries, now, alone.policy.propagation);
    alone.passed += Duration::from_secs(61);
    assert!(!alone.view().is_settled(&authority));
}

fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let replica = || 0..3_usize;
    let time = prop_oneof![
        4 => (0..70_u64).prop_map(Duration::from_secs),
        2 => Just(Duration::from_secs(61)),
        1 => (1..200_u64).prop_map(Duration::from_hours),
        1 => (1..130_u32).prop_map(|days| DAY * days),
    ];
    let meddling = prop_oneof![
        4 => (0..KEYS.len(), prop_oneof![Just(""), Just("other"), Just("nonsense")])
            .prop_map(|(key, text)| Meddling::Damage(key, text)),
        1 => Just(Meddling::DeleteConfiguration),
        1 => Just(Meddling::DeleteSecret),
        1 => Just(Meddling::EmptySecret),
        2 => (replica(), prop_oneof![Just(&b""[..]), Just(&b"nonsense"[..])])
            .prop_map(|(entry, text)| Meddling::Overwrite(entry, text)),
        2 => replica().prop_map(Meddling::AddStranger),
        1 => Just(Meddling::RestoreSecret),
        1 => Just(Meddling::ToggleEntry),
    ];
    let event = prop_oneof![
        4 => replica().prop_map(Event::ReadConfiguration),
        4 => replica().prop_map(Event::ReadSecret),
        6 => replica().prop_map(Event::Act),
        10 => replica().prop_map(Event::Look),
        1 => replica().prop_map(Event::Kill),
        5 => time.prop_map(Event::Advance),
        2 => meddling.prop_map(Event::Meddle),
    ];
    prop::collection::vec(event, 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_no_leaf_lacks_its_authority_and_all_comes_to_rest(
        offsets in [-3600..3600_i64, -3600..3600_i64, -3600..3600_i64],
        events in events(80),
    ) {
        let mut world = World::new(&offsets);
        for event in &events {
            world.happen(event);
        }
        world.come_to_rest();
    }
}
