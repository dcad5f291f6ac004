//! The ways in which this API server can be made to misbehave, each named after the story it tells.

use std::time::Duration;

/// One story of an API server in trouble, told with [`Kubernetes::play`](super::Kubernetes::play).
///
/// A fault concerns GETs, lists, watches, or everything; one of each may be played at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// All is well; playing it ends every other fault.
    #[default]
    None,
    /// RBAC does not let us get a single object: 403.
    GetForbidden,
    /// The API server cannot reach its storage: 500.
    GetError,
    /// The connection is cut after the head of the answer to a GET.
    GetReset,
    /// A GET is answered, but only after this long.
    GetSlow(Duration),
    /// RBAC does not let us list: 403.
    ListForbidden,
    /// A list is answered, but only after this long.
    ListSlow(Duration),
    /// RBAC does not let us watch: 403. Watches already open stay open.
    WatchRefused,
    /// The API server is too old to stream a list, or told not to: a watch that asks for it is refused (422).
    StreamRefused,
    /// A watch is accepted and ends before anything came, as behind an impatient load balancer.
    WatchClosedAtOnce,
    /// A watch is accepted, then says in an `ERROR` event that its resourceVersion is gone (410), and ends.
    WatchGone,
    /// Watches, those already open included, stay open and nothing comes any more, not even their end.
    ///
    /// A watch that fell silent stays so when the fault ends, as a half-open connection does.
    RadioSilence,
    /// Watches, those already open included, bring bookmarks and no change: the server's cache stands still.
    ///
    /// The bookmarks stand still too, so no change is lost to a client that opens its watch anew later.
    BookmarksOnly,
    /// A watch is accepted, then tells of a failure of the server in an `ERROR` event (500), and ends.
    ErrorInStream,
    /// A watch is cut in the middle of an `ADDED` event.
    HalfObject,
    /// The API server is away: every request and every open watch is cut.
    Away,
}

impl Fault {
    /// The same fault for the next `n` requests that it concerns; all is well after them.
    pub fn times(self, n: u32) -> LimitedFault {
        LimitedFault {
            fault: self,
            left: Some(n),
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::None | Self::Away => Scope::Everything,
            Self::GetForbidden | Self::GetError | Self::GetReset | Self::GetSlow(_) => Scope::Get,
            Self::ListForbidden | Self::ListSlow(_) => Scope::List,
            Self::WatchRefused
            | Self::StreamRefused
            | Self::WatchClosedAtOnce
            | Self::WatchGone
            | Self::RadioSilence
            | Self::BookmarksOnly
            | Self::ErrorInStream
            | Self::HalfObject => Scope::Watch,
        }
    }
}

/// A fault and the number of requests it is for; made by [`Fault::times`], or from a fault for any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitedFault {
    fault: Fault,
    left: Option<u32>,
}

impl LimitedFault {
    pub(super) fn fault(self) -> Fault {
        self.fault
    }
}

impl From<Fault> for LimitedFault {
    fn from(fault: Fault) -> Self {
        Self { fault, left: None }
    }
}

/// The requests that a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Get,
    List,
    Watch,
    Everything,
}

/// The faults being played, at most one for each scope.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<LimitedFault>);

impl Faults {
    pub(super) fn play(&mut self, fault: LimitedFault) {
        if fault.fault == Fault::None {
            return self.0.clear();
        }
        self.0
            .retain(|other| other.fault.scope() != fault.fault.scope());
        self.0.push(fault);
    }

    /// The fault that a request of this scope meets, counted.
    pub(super) fn next(&mut self, scope: Scope) -> Fault {
        let met = self
            .0
            .iter_mut()
            .find(|playing| playing.fault.scope() == scope && playing.left != Some(0));
        met.map_or(Fault::None, |playing| {
            playing.left = playing.left.map(|left| left - 1);
            playing.fault
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_fault_ends_after_its_requests() {
        let mut faults = Faults::default();
        faults.play(Fault::GetError.times(2));
        let met: Vec<Fault> = (0..3).map(|_| faults.next(Scope::Get)).collect();
        assert_eq!(met, [Fault::GetError, Fault::GetError, Fault::None]);
    }

    #[test]
    fn each_scope_has_its_own_fault_and_none_ends_them_all() {
        let mut faults = Faults::default();
        faults.play(Fault::GetError.into());
        faults.play(Fault::WatchGone.into());
        faults.play(Fault::GetForbidden.into());
        assert_eq!(faults.next(Scope::Get), Fault::GetForbidden);
        assert_eq!(faults.next(Scope::Watch), Fault::WatchGone);
        assert_eq!(faults.next(Scope::List), Fault::None);
        faults.play(Fault::None.into());
        assert_eq!(faults.next(Scope::Watch), Fault::None);
    }
}
