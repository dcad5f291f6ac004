//! The table and its doubts, with a time of their own.

use gtoken_inject::Dialect;
use gtoken_inject::annotation::ROLE_ARN;
use proptest::prelude::*;

use super::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const FRESH: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(90);

fn key(name: &str) -> Key {
    Key::new("team-a", name).unwrap()
}

fn binding(role: &str) -> Result<Binding, Unbound> {
    Binding::parse(&Dialect::default(), [(ROLE_ARN, role)])
}

fn no_role() -> Result<Binding, Unbound> {
    Err(Unbound::NoRole)
}

/// An index that was told a list long enough ago for none of it to be fresh, and the time now.
fn listed(entries: &[(&str, Result<Binding, Unbound>)]) -> (AccountIndex, Instant) {
    let start = Instant::now();
    let mut index = AccountIndex::new(Doubt::default());
    let mut listing = index.listing();
    for (name, binding) in entries {
        listing.add(key(name), binding.clone(), false);
    }
    index.reset(listing, start);
    let now = start + FRESH;
    index.heard(now);
    (index, now)
}

#[track_caller]
fn assert_bound(index: &AccountIndex, name: &str, now: Instant, role: &str) {
    match index.lookup(&key(name), now) {
        Lookup::Bound(binding) => assert_eq!(binding.role_arn.as_str(), role),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_index_that_was_told_nothing_knows_nothing() {
    let index = AccountIndex::new(Doubt::default());
    assert_eq!(
        index.lookup(&key("reader"), Instant::now()),
        Lookup::Unknown
    );
}

#[test]
fn a_list_tells_of_roles_of_none_and_of_bad_ones() {
    let (index, now) = listed(&[
        ("reader", binding(ROLE)),
        ("bad", binding("reader")),
        ("plain", no_role()),
    ]);
    assert_bound(&index, "reader", now, ROLE);
    let bad = binding("reader").unwrap_err();
    assert_eq!(
        index.lookup(&key("bad"), now),
        Lookup::Unbound(Arc::new(bad))
    );
    assert_eq!(
        index.lookup(&key("plain"), now),
        Lookup::Unbound(Arc::new(Unbound::NoRole))
    );
    assert_eq!(index.lookup(&key("other"), now), Lookup::Unknown);
    let state = index.state(now);
    assert_eq!((state.bound, state.invalid, state.without_role), (1, 1, 1));
}

#[test]
fn a_change_is_seen_at_once() {
    let (mut index, now) = listed(&[("reader", binding(ROLE))]);
    let other = "arn:aws:iam::123456789012:role/writer";
    index.apply(key("reader"), binding(other), now);
    assert_bound(&index, "reader", now, other);
    index.apply(key("reader"), no_role(), now);
    assert_eq!(
        index.lookup(&key("reader"), now),
        Lookup::Unbound(Arc::new(Unbound::NoRole))
    );
    index.apply(key("reader"), binding(ROLE), now);
    assert_bound(&index, "reader", now, ROLE);
    index.delete(&key("reader"), now);
    assert_eq!(index.lookup(&key("reader"), now), Lookup::Unknown);
}

#[test]
fn namespaces_are_apart() {
    let (index, now) = listed(&[("reader", binding(ROLE))]);
    let elsewhere = Key::new("team-b", "reader").unwrap();
    assert_eq!(index.lookup(&elsewhere, now), Lookup::Unknown);
}

#[test]
fn one_without_a_role_is_doubted_while_it_is_fresh() {
    let (mut index, created) = listed(&[]);
    index.apply(key("plain"), no_role(), created);
    let later = created + FRESH * 99 / 100;
    assert_eq!(index.lookup(&key("plain"), later), Lookup::Unknown);
    let settled = created + FRESH;
    assert_eq!(
        index.lookup(&key("plain"), settled),
        Lookup::Unbound(Arc::new(Unbound::NoRole))
    );
}

#[test]
fn a_change_without_a_role_does_not_make_it_fresh_again() {
    let (mut index, now) = listed(&[("plain", no_role())]);
    index.apply(key("plain"), no_role(), now);
    assert_eq!(
        index.lookup(&key("plain"), now),
        Lookup::Unbound(Arc::new(Unbound::NoRole))
    );
}

#[test]
fn created_anew_it_is_fresh_again() {
    let (mut index, now) = listed(&[("plain", no_role())]);
    index.delete(&key("plain"), now);
    index.apply(key("plain"), no_role(), now);
    assert_eq!(index.lookup(&key("plain"), now), Lookup::Unknown);
}

#[test]
fn created_anew_without_its_role_it_is_asked_for() {
    let (mut index, now) = listed(&[("reader", binding(ROLE))]);
    index.delete(&key("reader"), now);
    index.apply(key("reader"), no_role(), now);
    assert_eq!(index.lookup(&key("reader"), now), Lookup::Unknown);
    index.apply(key("reader"), binding(ROLE), now);
    assert_bound(&index, "reader", now, ROLE);
}

#[test]
fn a_time_that_goes_backwards_makes_nothing_old() {
    let (mut index, now) = listed(&[("plain", no_role()), ("reader", binding(ROLE))]);
    let before = now.checked_sub(FRESH / 2).unwrap();
    index.apply(key("new"), no_role(), now);
    for moment in [now, before] {
        let plain = index.lookup(&key("plain"), moment);
        assert_eq!(plain, Lookup::Unbound(Arc::new(Unbound::NoRole)));
        assert_eq!(index.lookup(&key("new"), moment), Lookup::Unknown);
        assert_bound(&index, "reader", moment, ROLE);
    }
    index.heard(before);
    assert_eq!(index.state(before).silence, Some(Duration::ZERO));
    assert_eq!(index.lookup(&key("new"), now), Lookup::Unknown);
    let settled = Lookup::Unbound(Arc::new(Unbound::NoRole));
    assert_eq!(index.lookup(&key("new"), now + FRESH), settled);
}

#[test]
fn a_hundred_thousand_created_at_once_are_asked_for_and_then_settled() {
    let (mut index, now) = listed(&[]);
    let all: Vec<_> = (0..100_000).map(|n| key(&format!("plain-{n}"))).collect();
    for key in &all {
        index.apply(key.clone(), no_role(), now);
    }
    let are = |index: &AccountIndex, wanted: &Lookup, now| {
        all.iter().all(|key| index.lookup(key, now) == *wanted)
    };
    assert!(are(&index, &Lookup::Unknown, now));
    let later = now + FRESH;
    index.heard(later);
    let settled = Lookup::Unbound(Arc::new(Unbound::NoRole));
    assert!(are(&index, &settled, later));
    assert_eq!(index.fresh.capacity(), 0);
    assert_eq!(index.fresh_in_order.capacity(), 0);
}

#[test]
fn of_the_first_list_what_was_just_created_is_fresh_and_of_a_later_one_what_is_new() {
    let start = Instant::now();
    let mut index = AccountIndex::new(Doubt::default());
    let mut listing = index.listing();
    listing.add(key("old"), no_role(), false);
    listing.add(key("young"), no_role(), true);
    index.reset(listing, start);
    let settled = Lookup::Unbound(Arc::new(Unbound::NoRole));
    assert_eq!(index.lookup(&key("old"), start), settled);
    assert_eq!(index.lookup(&key("young"), start), Lookup::Unknown);

    let again = start + FRESH;
    let mut listing = index.listing();
    listing.add(key("old"), no_role(), false);
    listing.add(key("new"), no_role(), false);
    index.reset(listing, again);
    assert_eq!(
        index.lookup(&key("old"), again),
        Lookup::Unbound(Arc::new(Unbound::NoRole))
    );
    assert_eq!(index.lookup(&key("new"), again), Lookup::Unknown);
}

#[test]
fn a_later_list_forgets_what_it_does_not_hold() {
    let (mut index, now) = listed(&[("reader", binding(ROLE)), ("plain", no_role())]);
    index.reset(index.listing(), now);
    assert_eq!(index.lookup(&key("reader"), now), Lookup::Unknown);
    assert_eq!(index.lookup(&key("plain"), now), Lookup::Unknown);
}

#[test]
fn under_a_silent_watch_no_refusal_is_certain_but_a_role_is() {
    let (mut index, now) = listed(&[
        ("reader", binding(ROLE)),
        ("bad", binding("reader")),
        ("plain", no_role()),
    ]);
    let almost = now + SILENCE * 99 / 100;
    assert!(matches!(
        index.lookup(&key("plain"), almost),
        Lookup::Unbound(_)
    ));
    let silent = now + SILENCE;
    assert_eq!(index.lookup(&key("plain"), silent), Lookup::Unknown);
    assert_eq!(index.lookup(&key("bad"), silent), Lookup::Unknown);
    assert_bound(&index, "reader", silent, ROLE);

    index.heard(silent);
    assert!(matches!(
        index.lookup(&key("plain"), silent),
        Lookup::Unbound(_)
    ));
}

#[test]
fn a_hundred_thousand_without_a_role_cost_a_hash_each() {
    let (mut index, now) = listed(&[]);
    let mut listing = index.listing();
    for number in 0..100_000 {
        listing.add(key(&format!("plain-{number}")), no_role(), false);
    }
    index.reset(listing, now);
    assert_eq!(index.state(now).without_role, 100_000);
    assert_eq!(index.with_role.capacity(), 0);
    index.heard(now + FRESH);
    assert!(index.fresh.is_empty() && index.fresh_in_order.is_empty());
}

/// What may come over a watch, about few enough names that they meet.
#[derive(Clone, Debug)]
enum Told {
    Put(u8, u8),
    Gone(u8),
    Bookmark,
    List(Vec<(u8, u8)>),
}

fn told() -> impl Strategy<Value = Told> {
    let entry = || (0..4_u8, 0..4_u8);
    prop_oneof![
        4 => entry().prop_map(|(name, role)| Told::Put(name, role)),
        2 => (0..4_u8).prop_map(Told::Gone),
        1 => Just(Told::Bookmark),
        1 => proptest::collection::vec(entry(), 0..6).prop_map(Told::List),
    ]
}

/// What the annotation number `role` asks for: nothing, a malformed role, or one of two.
fn asked(role: u8) -> Result<Binding, Unbound> {
    match role {
        0 => no_role(),
        1 => binding("reader"),
        other => binding(&format!("{ROLE}-{other}")),
    }
}

fn named(name: u8) -> Key {
    key(&format!("reader-{name}"))
}

fn tell(index: &mut AccountIndex, told: &Told, now: Instant) {
    match told {
        Told::Put(name, role) => index.apply(named(*name), asked(*role), now),
        Told::Gone(name) => index.delete(&named(*name), now),
        Told::Bookmark => index.heard(now),
        Told::List(entries) => {
            let mut listing = index.listing();
            for (name, role) in entries {
                listing.add(named(*name), asked(*role), false);
            }
            index.reset(listing, now);
        }
    }
}

fn tell_model(model: &mut HashMap<u8, u8>, told: &Told) {
    match told {
        Told::Put(name, role) => drop(model.insert(*name, *role)),
        Told::Gone(name) => drop(model.remove(name)),
        Told::Bookmark => {}
        Told::List(entries) => *model = entries.iter().copied().collect(),
    }
}

proptest! {
    /// Once nothing is fresh, the index says of each name what a plain map says, whatever came in whichever order.
    #[test]
    fn the_index_is_a_map(events in proptest::collection::vec((told(), 0..20_u64), 0..40)) {
        let mut now = Instant::now();
        let mut index = AccountIndex::new(Doubt::default());
        let mut model = HashMap::new();
        for (told, seconds) in events {
            now += Duration::from_secs(seconds);
            tell(&mut index, &told, now);
            tell_model(&mut model, &told);
            let state = index.state(now);
            prop_assert_eq!(state.bound + state.invalid + state.without_role, model.len());
            for name in 0..4 {
                // In doubt it may say that it does not know, but never anything else than is so.
                let known = index.lookup(&named(name), now);
                let is_so = model.get(&name).map(|role| shared(asked(*role)));
                let said = match known {
                    Lookup::Bound(binding) => Some(Ok(binding)),
                    Lookup::Unbound(unbound) => Some(Err(unbound)),
                    Lookup::Unknown => continue,
                };
                prop_assert_eq!(said, is_so);
            }
        }
        now += FRESH;
        index.heard(now);
        for (name, role) in &model {
            let known = index.lookup(&named(*name), now);
            prop_assert_ne!(known, Lookup::Unknown, "{} {}", name, role);
        }
    }
}
