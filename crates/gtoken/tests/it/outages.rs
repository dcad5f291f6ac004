//! What happens to an agent that no answer is to blame for: nobody listens where the token server should be, or long after
//! the start only; the agent is stopped for the life of a token, or loses the place that its file is in.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::agent::{Agent, file_flag, has_namespaces, sandbox_with_life, send, started_by};
use crate::cloud::Cloud;
use crate::gate::Gate;
use crate::via::{Via, check_attempts};
use crate::witness::{Published, Witness, shows_token};

/// The longest time from the end of the trouble to the next token.
const RECOVERY: Duration = Duration::from_secs(5);

/// Seconds from a token to its end, of which the trouble takes those after the refresh.
const LIFE: u64 = 20;

/// What is said of a port at which nobody listens.
const REFUSED: &str = "connection refused";

/// An agent that is about to be in trouble.
struct Bed {
    /// To the server that gives the tokens.
    gate: Gate,
    /// As the test sees it.
    folder: PathBuf,
    witness: Witness,
    agent: Agent,
    first: Published,
    cloud: Cloud,
}

impl Bed {
    /// Starts the agent for a file in the folder, by a command that makes its surroundings.
    fn start(
        via: Via,
        folder: &Path,
        life: u64,
        surround: impl FnOnce(Command) -> Command,
    ) -> Self {
        let cloud = Cloud::of(Arc::new(sandbox_with_life(life)));
        via.prepare(&cloud);
        let mut gate = Gate::to(via.server(&cloud));
        gate.open();
        let path = folder.join("gtoken");
        let command = via.by(&cloud, gate.address(), &[&file_flag(&path)]);
        let started = SystemTime::now();
        let agent = Agent::start(surround(command));
        // Where the agent has a mount of its own there, this is the way to it.
        let root = PathBuf::from(format!("/proc/{}/root", agent.id()));
        let folder = root.join(folder.strip_prefix("/").unwrap());
        let witness = Witness::of(&folder.join("gtoken"), &cloud.sandbox);
        let first = witness.wait_for_token(started, started + RECOVERY);
        Self {
            gate,
            folder,
            witness,
            agent,
            first,
            cloud,
        }
    }

    /// The token that comes once the trouble, which began before and ends now, is over.
    fn heal(&mut self, end_trouble: impl FnOnce(&mut Self)) -> Published {
        let healed = SystemTime::now();
        end_trouble(self);
        self.witness.wait_for_token(healed, healed + RECOVERY)
    }

    /// Nobody was without a good token.
    fn end(self) {
        let lapses = self.witness.lapses_since(self.first.at);
        assert_eq!(lapses, 0, "looks without a token");
        self.end_after_a_lapse();
    }

    fn end_after_a_lapse(self) {
        self.witness.has_seen_nothing_wrong();
        check_attempts_of(&self.cloud, &self.witness);
        let files = fs::read_dir(&self.folder).unwrap().count();
        drop(self.witness);
        let (ended, _) = self.agent.signal("TERM");
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(files, 1, "{}", ended.log);
        assert!(!shows_token(&ended.log), "{}", ended.log);
    }
}

/// Either way an attempt begins at the metadata server, where IAM Credentials' access token comes from too.
fn check_attempts_of(cloud: &Cloud, witness: &Witness) {
    let attempts = cloud.sandbox.google().requests();
    check_attempts(&attempts, &witness.tokens());
}

#[test]
fn what_no_answer_is_to_blame_for_is_outlasted() {
    thread::scope(|scope| {
        let troubles: [fn(Via); 6] = [server_up_late, refused, stopped, read_only, removed, full];
        for trouble in troubles {
            for via in [Via::Metadata, Via::Https] {
                scope.spawn(move || trouble(via));
            }
        }
    });
}

/// A minute is where `--timeout` ends a one-shot unless told otherwise, and where what a person must mend does.
fn server_up_late(via: Via) {
    let cloud = Cloud::of(Arc::new(sandbox_with_life(3600)));
    via.prepare(&cloud);
    let mut gate = Gate::to(via.server(&cloud));
    let path = cloud.path("token");
    let args = ["--refresh=false", "--timeout=0", &file_flag(&path)];
    let mut agent = Agent::start(via.by(&cloud, gate.address(), &args));
    thread::sleep(Duration::from_secs(90));
    assert!(agent.is_running(), "{}", agent.log());
    let up = SystemTime::now();
    let witness = Witness::of(&path, &cloud.sandbox);
    gate.open();
    witness.wait_for_token(up, up + RECOVERY);
    let ended = agent.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.log.contains(REFUSED), "{}", ended.log);
    // At most one line a minute about what goes on, and one that it is over.
    assert!(ended.log.lines().count() <= 3, "{}", ended.log);
    check_attempts_of(&cloud, &witness);
    witness.has_seen_nothing_wrong();
}

/// The server goes while a token is held.
fn refused(via: Via) {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = Bed::start(via, folder.path(), LIFE, |agent| agent);
    bed.gate.shut();
    bed.agent.wait_for_log(REFUSED);
    bed.heal(|bed| bed.gate.open());
    bed.end();
}

/// For the life of a token.
fn stopped(via: Via) {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = Bed::start(via, folder.path(), 5, |agent| agent);
    send("STOP", bed.agent.id());
    let over = bed.first.expires_at + Duration::from_secs(1);
    thread::sleep(over.duration_since(SystemTime::now()).unwrap());
    assert_eq!(bed.witness.tokens().len(), 1);
    bed.heal(|bed| send("CONT", bed.agent.id()));
    bed.end_after_a_lapse();
}

/// Even where the tests run as root the agent has a user namespace without privileges.
fn read_only(via: Via) {
    if !has_namespaces(&["--user"]) {
        return;
    }
    let folder = readable_folder();
    let mut bed = Bed::start(via, folder.path(), LIFE, |agent| {
        surrounded(&["--user"], &agent, "exec \"$@\"")
    });
    let allow = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    bed.agent
        .wait_for_log("its folder must be writable for the agent's user");
    bed.heal(|_| allow(0o755));
    bed.end();
}

fn removed(via: Via) {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = Bed::start(via, folder.path(), LIFE, |agent| agent);
    bed.witness.let_folder_go();
    fs::remove_dir_all(folder.path()).unwrap();
    bed.agent.wait_for_log("its folder must exist");
    bed.heal(|_| fs::create_dir(folder.path()).unwrap());
    bed.end();
}

/// Two pages are room for a token and the next one.
fn full(via: Via) {
    let namespaces = ["--user", "--map-root-user", "--mount"];
    if !has_namespaces(&namespaces) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=8k tmpfs {} && exec \"$@\"",
        folder.path().display()
    );
    let mut bed = Bed::start(via, folder.path(), LIFE, |agent| {
        surrounded(&namespaces, &agent, &mount)
    });
    let ballast = bed.folder.join("ballast");
    fill(&ballast);
    bed.agent.wait_for_log("its volume is full");
    bed.heal(|_| fs::remove_file(&ballast).unwrap());
    bed.end();
}

/// An ordinary user for whom one thread is the limit, as a node's or a pod's can be, and names that take a second one to be
/// looked up.
#[test]
fn no_more_threads_end_no_agent() {
    if !has_namespaces(&["--user"]) {
        return;
    }
    thread::scope(|scope| {
        for via in [Via::Metadata, Via::Https] {
            scope.spawn(move || survives_its_limit_of_threads(via));
        }
    });
}

fn survives_its_limit_of_threads(via: Via) {
    let cloud = Cloud::of(Arc::new(sandbox_with_life(3600)));
    via.prepare(&cloud);
    let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    open(&cloud.path(""), 0o755);
    let folder = readable_folder();
    open(folder.path(), 0o777);
    let path = folder.path().join("gtoken");
    let mut command = via.by(&cloud, via.server(&cloud), &[&file_flag(&path)]);
    let name = format!("localhost:{}", via.server(&cloud).port());
    match via {
        Via::Metadata => drop(command.env("GCE_METADATA_HOST", name)),
        Via::Https => cloud.lead_by(&format!("https://{name}"), &mut command),
    }
    // Root has no such limit, and an ordinary user counts on its own only in a namespace.
    let user: &[&str] = if rustix::process::getuid().is_root() {
        &["setpriv", "--clear-groups"]
    } else {
        &["unshare", "--user"]
    };
    let id = match via {
        Via::Metadata => "--reuid=61001",
        Via::Https => "--reuid=61002",
    };
    let id = user.contains(&"setpriv").then_some(id);
    let by: Vec<&str> = user.iter().copied().chain(id).collect();
    let by = [&by[..], &["prlimit", "--nproc=1:"]].concat();
    let mut agent = Agent::start(started_by(&by, &command));
    agent.wait_for_log("no thread to look its name up");
    let (ended, _) = agent.signal("TERM");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

/// Takes all the room that is left.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[0; 1024]).is_ok() {}
}

/// A folder that every user may look into.
fn readable_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The agent in namespaces of its own, after a script.
fn surrounded(namespaces: &[&str], agent: &Command, script: &str) -> Command {
    let by = [&["unshare"], namespaces, &["sh", "-c", script, "sh"]].concat();
    started_by(&by, agent)
}
