//! Reviews sent to a server again and again, and what they cost it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::contender::Running;
use crate::process;

/// What sends reviews.
pub(super) struct Load {
    /// The program, one of the webhook's examples.
    pub(super) program: PathBuf,
    /// The certificate that servers show.
    pub(super) certificate: PathBuf,
}

/// How many reviews are sent, and over what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Volume {
    pub(super) reviews: u32,
    pub(super) connections: u32,
    /// Reviews at once on each connection.
    pub(super) streams: u32,
}

impl Volume {
    /// Over 4 connections of 8 streams, which keep one processor busy.
    pub(super) const fn steady(reviews: u32) -> Self {
        Self {
            reviews,
            connections: 4,
            streams: 8,
        }
    }

    /// All at once; more than a hundred are more than a connection takes.
    pub(super) const fn burst(reviews: u32) -> Self {
        Self {
            reviews,
            connections: reviews.div_ceil(100),
            streams: 100,
        }
    }
}

impl Load {
    /// Sends reviews, each of which has to be answered, and gives the slowest answer's time in milliseconds.
    pub(super) fn send(&self, to: &Running, body: &Path, volume: Volume) -> anyhow::Result<f64> {
        let mut command = Command::new(&self.program);
        command.arg(&to.url).arg(&self.certificate).arg(body);
        for number in [volume.reviews, volume.connections, volume.streams] {
            command.arg(number.to_string());
        }
        let said: Value = serde_json::from_str(&process::output(&mut command)?)?;
        let slowest = said["slowestMilliseconds"].as_f64();
        slowest.context("what sends reviews does not say how long they took")
    }

    /// Sends reviews and gives the processor time that each took of the server, in microseconds.
    pub(super) fn cost(
        &self,
        of: &mut Running,
        body: &Path,
        volume: Volume,
    ) -> anyhow::Result<f64> {
        let before = of.cpu()?;
        self.send(of, body, volume)?;
        Ok((of.cpu()? - before) / f64::from(volume.reviews))
    }
}
