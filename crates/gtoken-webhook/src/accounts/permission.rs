//! Whether single ServiceAccounts may be read, which else only those pods would find out that need it.

use std::convert::Infallible;
use std::mem::replace;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::api::{describe_call, is_forbidden};
use super::{Accounts, Key};
use crate::ready::Awaited;

/// How often it is tried, so that a permission which is taken away is missed before a pod needs it.
const INTERVAL: Duration = Duration::from_mins(1);
/// How soon it is tried again while the permission is missing.
const RETRY: Duration = Duration::from_secs(2);
/// How long the API server may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries for ever whether a GET is allowed, at once where one was refused to a pod, and says so in `allowed`.
pub async fn run(accounts: Arc<Accounts>, allowed: &Awaited) -> Infallible {
    let key = Key::new("default", "default").expect("it is a name");
    let mut is_refused = false;
    loop {
        match timeout(ANSWER_TIMEOUT, accounts.api().one(&key)).await {
            Ok(Err(error)) if is_forbidden(&error) => {
                let reason = describe_call("get", &error);
                allowed.hindered(&reason);
                if !replace(&mut is_refused, true) {
                    warn!(reason, "a single ServiceAccount may not be read");
                }
            }
            Ok(Ok(_)) => {
                allowed.arrived();
                if replace(&mut is_refused, false) {
                    info!("a single ServiceAccount may be read again");
                }
            }
            // Whatever else goes wrong is no question of permission.
            _ if !is_refused => allowed.arrived(),
            _ => {}
        }
        if is_refused {
            sleep(RETRY).await;
        } else {
            // Either way it is time.
            let _ = timeout(INTERVAL, accounts.refused()).await;
        }
    }
}
