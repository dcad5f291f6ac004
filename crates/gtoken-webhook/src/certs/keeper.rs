//! Takes one step after the other towards good certificates, and looks again after each.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{info, warn};

use super::Leaf;
use super::api::{Api, Configuration, KeptSecret, Trouble};
use super::authority::{Authority, CannotMake};
use super::bell::Bell;
use super::change::Change;
use super::plan::{Policy, Seen, Step, View, Written, plan};
use super::secret::Stored;
use crate::metrics::Metrics;
use crate::ready::{Awaited, Readiness};

/// How often both objects are read where nothing is to be done and changes are not heard of; more often where
/// certificates live but minutes.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The same where they are: time passes too, and a watch may be silent.
const LOOK_INTERVAL_WHERE_HEARD: Duration = Duration::from_secs(30);
/// The same, at least.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// How soon a look that failed is repeated: an API server that is back is not waited for long.
const RETRY: Duration = Duration::from_secs(1);
/// How soon it is looked again after another replica was first.
const AFTER_LOSS: Duration = Duration::from_millis(50);
/// How long what could not be written is left alone, so that other steps have their turn.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How many steps follow each other without a rest. A whole rotation has fewer; replicas that disagree never stop.
const MOST_AT_ONCE: u32 = 10;

/// How often the same trouble is told.
const SAY_AGAIN: Duration = Duration::from_mins(1);

const UNTRUSTED: &str = "it does not hold the authority of the certificate that is served";
const NOTHING_TO_SERVE: &str = "there is no certificate that it trusts";

/// What keeps the certificates.
#[derive(Clone, Debug)]
pub struct Keeper {
    api: Api,
    policy: Policy,
    leaf: Arc<Leaf>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    published: Awaited,
    refused: mpsc::Sender<Trouble>,
}

/// What one run of it remembers.
#[derive(Default)]
struct Memory {
    seen: Seen,
    /// What could not be written, and when.
    failed: BTreeMap<Written, Instant>,
    /// What is wrong just now.
    trouble: Option<Trouble>,
    /// What was said to be wrong, and when.
    said: BTreeMap<String, Instant>,
    at_once: u32,
}

/// When to look again.
enum Next {
    /// After this.
    Look(Duration),
    /// When something has changed, or in a while.
    Rest,
}

/// Everything that was read.
struct Looked {
    configuration: Configuration,
    instant: Instant,
    secret: KeptSecret,
    stored: Stored,
}

impl Keeper {
    /// Keeps the certificates of this leaf. What is misconfigured before anything is served goes to `refused`.
    pub fn new(
        api: Api,
        policy: Policy,
        leaf: Arc<Leaf>,
        metrics: Arc<Metrics>,
        readiness: Readiness,
        refused: mpsc::Sender<Trouble>,
    ) -> Self {
        let published = readiness.awaits("the caBundle");
        Self {
            api,
            policy,
            leaf,
            metrics,
            readiness,
            published,
            refused,
        }
    }

    /// Looks and acts for as long as the process lives.
    pub async fn run(self) -> Infallible {
        let bell = Bell::default();
        tokio::select! {
            never = self.keep(&bell) => never,
            never = bell.listen(&self.api, Written::Secret, &self.metrics) => never,
            never = bell.listen(&self.api, Written::Configuration, &self.metrics) => never,
        }
    }

    async fn keep(&self, bell: &Bell) -> Infallible {
        let mut memory = Memory::default();
        loop {
            match self.look(&mut memory).await {
                Ok(looked) => match self.act(&looked, &mut memory).await {
                    Next::Look(pause) => sleep(pause).await,
                    Next::Rest => {
                        // What could not be written is tried again, whatever changes.
                        let is_done = memory.failed.is_empty();
                        let rest = self.interval(is_done && bell.is_heard());
                        bell.wait(rest).await;
                    }
                },
                Err(trouble) => {
                    self.metrics.certificate_step("look", "failed");
                    self.tell(&mut memory, trouble).await;
                    bell.wait(RETRY.min(self.interval(false))).await;
                }
            }
        }
    }

    /// Reads the configuration first: what the Secret says then is no older than what was published.
    async fn look(&self, memory: &mut Memory) -> Result<Looked, Trouble> {
        let configuration = self.api.configuration().await?;
        let instant = Instant::now();
        let propagation = self.policy.propagation;
        memory
            .seen
            .look(&configuration.entries, instant, propagation);
        let secret = self.api.secret().await?;
        let stored = Stored::read(&secret.data);
        Ok(Looked {
            configuration,
            instant,
            secret,
            stored,
        })
    }

    /// Takes a step, and tells when to look again.
    async fn act(&self, looked: &Looked, memory: &mut Memory) -> Next {
        let view = View {
            policy: &self.policy,
            now: SystemTime::now(),
            instant: looked.instant,
            stored: &looked.stored,
            entries: &looked.configuration.entries,
            seen: &memory.seen,
        };
        let rest = REST_AFTER_FAILURE.min(self.interval(false) * 2);
        memory.failed.retain(|_, failed| failed.elapsed() < rest);
        if memory.failed.is_empty() {
            memory.trouble = None;
        }
        self.serve(&view, memory.trouble.as_ref());
        self.show(&looked.stored);
        let step = plan(&view, &memory.failed.keys().copied().collect());
        let Some(written) = step.written() else {
            memory.at_once = 0;
            return Next::Rest;
        };
        match self.carry_out(&step, looked, &view).await {
            Ok(()) => {
                self.metrics.certificate_step(step.label(), "done");
                tell_done(&step, &view);
                memory.at_once += 1;
                Next::Look(if memory.at_once.is_multiple_of(MOST_AT_ONCE) {
                    self.interval(false)
                } else {
                    Duration::ZERO
                })
            }
            Err(Failure::Trouble(Trouble::Lost)) => {
                self.metrics.certificate_step(step.label(), "lost");
                Next::Look(AFTER_LOSS)
            }
            Err(failure) => {
                self.metrics.certificate_step(step.label(), "failed");
                memory.failed.insert(written, Instant::now());
                self.tell(memory, failure.into()).await;
                Next::Look(Duration::ZERO)
            }
        }
    }

    async fn carry_out(
        &self,
        step: &Step,
        looked: &Looked,
        view: &View<'_>,
    ) -> Result<(), Failure> {
        match step {
            Step::Keep(change) => {
                let changed = change.apply(view)?;
                self.api.keep(&looked.secret, &changed).await?;
            }
            Step::Publish(bundles) => self.api.publish(&looked.configuration, bundles).await?,
            Step::Rest => {}
        }
        Ok(())
    }

    /// Serves the leaf that the Secret holds, where it is time, and tells whether API servers take what is served.
    fn serve(&self, view: &View<'_>, trouble: Option<&Trouble>) {
        let held = self.leaf.certificate();
        if let Some(leaf) = &view.stored.leaf
            && view.is_to_be_served(held.as_ref())
        {
            let served = leaf.served();
            info!(expires = %served.expiry(), "a new certificate is served");
            self.metrics.certificate_expiry(served.expiry().0);
            self.readiness.certificate(served.expiry());
            self.leaf.serve(served);
        }
        match self.leaf.certificate() {
            Some(held) if view.is_served_well(&held) => self.published.arrived(),
            Some(_) => self.published.hindered(UNTRUSTED),
            None => self.published.hindered(NOTHING_TO_SERVE),
        }
        if let Some(trouble) = trouble {
            self.published.hindered(&trouble.to_string());
        }
    }

    fn show(&self, stored: &Stored) {
        let authority = stored.current.as_ref().map(Authority::certificate);
        if let Some(authority) = authority {
            let end = authority.validity().not_after;
            self.metrics.authority(end, stored.signing_since);
        }
    }

    /// Says what is wrong, once in a while.
    async fn tell(&self, memory: &mut Memory, trouble: Trouble) {
        let reason = trouble.to_string();
        self.published.hindered(&reason);
        memory.said.retain(|_, said| said.elapsed() < SAY_AGAIN);
        memory.said.entry(reason).or_insert_with_key(|reason| {
            warn!(
                reason,
                "certificates cannot be kept up; what is served is served on"
            );
            Instant::now()
        });
        if trouble.is_misconfigured() && self.leaf.certificate().is_none() {
            // Nobody listens only where the process ends already.
            let _ = self.refused.send(trouble.clone()).await;
        }
        memory.trouble = Some(trouble);
    }

    /// How long to rest where there is nothing to do.
    fn interval(&self, is_heard: bool) -> Duration {
        let longest = if is_heard {
            LOOK_INTERVAL_WHERE_HEARD
        } else {
            LOOK_INTERVAL
        };
        // What is not looked at for as long as the wait would not be known to have been there.
        let shortest = self.policy.propagation.min(self.policy.leaf_life / 10) / 2;
        longest.min(shortest).max(SHORTEST_INTERVAL)
    }
}

/// Says what was done, and what was found wrong.
fn tell_done(step: &Step, view: &View<'_>) {
    let label = step.label();
    let defects: Vec<_> = view
        .stored
        .defects
        .iter()
        .map(ToString::to_string)
        .collect();
    match step {
        Step::Publish(bundles) => {
            let changed = bundles.iter().filter(|(name, bundle)| {
                let before = view.entries.get(*name);
                before.is_none_or(|before| before != *bundle)
            });
            let entries: Vec<_> = changed.map(|(name, _)| name.as_str()).collect();
            let entries = entries.join(", ");
            info!(step = label, entries, "caBundle is put right");
        }
        Step::Keep(Change::PutRight) => {
            warn!(
                step = label,
                "somebody else's certificates are in caBundle, and will be taken out"
            );
        }
        _ if !defects.is_empty() => {
            let defects = defects.join("; ");
            warn!(
                step = label,
                defects, "the Secret held what cannot be used, and is put right"
            );
        }
        _ => info!(step = label, "the Secret is kept up"),
    }
}

/// Why a step came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    CannotMake(#[from] CannotMake),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Trouble(trouble) => trouble,
            Failure::CannotMake(error) => Self::Failed(error.to_string()),
        }
    }
}
