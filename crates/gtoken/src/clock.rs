//! Time as an argument, so that hours pass at once in tests.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// What the agent needs to know of time.
pub trait Clock {
    /// The time of day, which may be set at any moment.
    fn now(&self) -> SystemTime;
    /// The time since this clock was started, also that in which the machine was suspended; it only grows.
    fn uptime(&self) -> Duration;
    /// Does nothing until so much uptime has passed, or until somebody sets the time of day.
    fn wait(&self, pause: Duration) -> Woken;

    /// Both readings of a moment.
    fn read(&self) -> Reading {
        Reading {
            day: self.now(),
            uptime: self.uptime(),
        }
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// It was over.
    InTime,
    /// The time of day was set since the last wait that ended so, or the machine was suspended.
    ClockSet,
}

/// What a clock showed at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The time of day.
    pub day: SystemTime,
    /// The time since the clock was started.
    pub uptime: Duration,
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Started,
    timers: Option<Timers>,
}

/// When a clock was started, by the time since the machine was.
#[derive(Clone, Copy, Debug)]
pub struct Started(Duration);

/// What wakes a wait, and nothing else does: the kernel's timers have no tick.
#[derive(Debug)]
struct Timers {
    /// Runs on while the machine is suspended.
    pause: OwnedFd,
    /// Becomes readable when the time of day is set.
    set: Option<OwnedFd>,
}

impl SystemClock {
    /// Starts to count the uptime.
    pub fn start() -> Self {
        Self {
            started: Started(since_boot()),
            timers: Timers::new().ok(),
        }
    }

    /// When that was, for whoever tells the same uptime on another thread.
    pub fn started(&self) -> Started {
        self.started
    }
}

impl Started {
    /// The time since then.
    pub fn uptime(self) -> Duration {
        since_boot().saturating_sub(self.0)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn uptime(&self) -> Duration {
        self.started.uptime()
    }

    fn wait(&self, pause: Duration) -> Woken {
        let timers = self.timers.as_ref();
        if let Some(Ok(woken)) = timers.map(|timers| timers.wait(pause)) {
            return woken;
        }
        // A sandbox without such timers still has sleep, which knows of no clock that is set.
        thread::sleep(pause);
        Woken::InTime
    }
}

fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

impl Timers {
    fn new() -> Result<Self, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self {
            pause: timerfd_create(TimerfdClockId::Boottime, flags)?,
            // gVisor knows the timer and not this use of it.
            set: timerfd_create(TimerfdClockId::Realtime, flags)
                .and_then(tell_when_set)
                .ok(),
        })
    }

    fn wait(&self, pause: Duration) -> Result<Woken, Errno> {
        if pause.is_zero() {
            return Ok(Woken::InTime);
        }
        let pause = Timespec::try_from(pause).map_err(|_| Errno::INVAL)?;
        timerfd_settime(&self.pause, TimerfdTimerFlags::empty(), &once(pause))?;
        let set = self.set.as_ref().unwrap_or(&self.pause);
        let mut fds = [&self.pause, set].map(|fd| PollFd::new(fd, PollFlags::IN));
        retry_on_intr(|| poll(&mut fds, None))?;
        let was_set = self.set.as_ref().is_some_and(was_set);
        Ok(if was_set {
            Woken::ClockSet
        } else {
            Woken::InTime
        })
    }
}

/// Arms a timer that never fires and that is cancelled whenever the time of day is set.
fn tell_when_set(timer: OwnedFd) -> Result<OwnedFd, Errno> {
    let never = Timespec {
        tv_sec: i64::MAX,
        tv_nsec: 0,
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(&timer, flags, &once(never))?;
    Ok(timer)
}

/// Whether the timer was cancelled since it was last asked; it is armed again by that.
fn was_set(timer: &OwnedFd) -> bool {
    read(timer, &mut [0; 8]) == Err(Errno::CANCELED)
}

fn once(it_value: Timespec) -> Itimerspec {
    Itimerspec {
        it_interval: Timespec::default(),
        it_value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn waits_as_long_as_asked() {
        let clock = SystemClock::start();
        for _ in 0..3 {
            let begun = clock.uptime();
            assert_eq!(clock.wait(SHORT), Woken::InTime);
            assert!(clock.uptime().saturating_sub(begun) >= SHORT);
        }
    }

    #[test]
    fn no_pause_is_no_wait() {
        let clock = SystemClock::start();
        assert_eq!(clock.wait(Duration::ZERO), Woken::InTime);
        assert!(clock.uptime() < Duration::from_secs(1));
    }

    #[test]
    fn without_timers_it_sleeps() {
        let clock = SystemClock {
            started: Started(since_boot()),
            timers: None,
        };
        assert_eq!(clock.wait(SHORT), Woken::InTime);
        assert!(clock.uptime() >= SHORT);
    }
}
