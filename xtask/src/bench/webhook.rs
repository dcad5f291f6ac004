//! The webhook stands in the path of every pod: what a review costs, beside a server of the same stack that answers
//! without looking, and what the webhook holds in memory.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use super::contender::{Contender, Running};
use super::load::{Load, Volume};
use super::review::review;
use super::site::{Cluster, Site};
use super::table::{Better, Figure, Row, Table};
use super::turns::{figure, in_turns, ratio};
use crate::dist;
use crate::programs;
use crate::workspace::Workspace;

/// The rounds in which all take turns. Ratios are of two figures of one round, for machines drift.
const ROUNDS: usize = 9;

/// Whose turn is which, and whose column.
const OURS_TURN: usize = 0;
const CONSTANT_TURN: usize = 1;
const MANY_TURN: usize = 2;

/// ServiceAccounts of the clusters; so many of either carry a role.
const FEW: u32 = 1_000;
const MANY: u32 = 100_000;

/// The reviews of a burst, and how often it comes.
const BURST: u32 = 300;
const BURSTS: usize = 5;

/// Reviews after which a webhook's memory is taken, and those that it may not grow by.
const FIRST: u32 = 10_000;
const MORE: u32 = 100_000;
const WHOLE: u32 = 1_000_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Another server to measure in the same run: NAME=PROGRAM where it has our flags, else with its arguments and
    /// {port}, {certificate}, {key} and {kubeconfig} in them, and NAME@/PATH where it takes reviews elsewhere than at
    /// /pods; may be repeated
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = Contender::parse)]
    beside: Vec<Contender>,
    /// Send a million reviews to see whether memory grows, instead of a hundred thousand
    #[arg(long)]
    whole: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Builds the webhook as it is shipped, measures it beside the others and prints what came of it.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let programs = Programs::build(workspace)?;
    let folder = tempfile::Builder::new()
        .prefix("gtoken-bench-")
        .tempdir()
        .context("could not make a folder for what is measured")?;
    let site = Site::new(folder.path())?;
    let few = Cluster::start(&programs.cluster, &site, FEW, FEW)?;
    let many = Cluster::start(&programs.cluster, &site, MANY, FEW)?;
    let bench = Bench {
        load: Load {
            program: programs.load.clone(),
            certificate: site.certificate.clone(),
        },
        programs,
        site,
        few,
        many,
        beside: &arguments.beside,
        growth: if arguments.whole { WHOLE } else { MORE },
    };
    let (table, share) = bench.measure()?;
    if arguments.json {
        println!("{:#}", table.json());
    } else {
        print!("{}", table.text());
        println!("share of the constant server, 10.7 KB: {share:.2}");
    }
    Ok(ExitCode::from(u8::from(!table.holds())))
}

/// What is run.
struct Programs {
    webhook: PathBuf,
    constant: PathBuf,
    load: PathBuf,
    cluster: PathBuf,
}

impl Programs {
    fn build(workspace: &Workspace) -> anyhow::Result<Self> {
        let (name, _) = dist::WEBHOOK;
        let cluster = programs::build_example(workspace, name, "service-accounts")?;
        let site = dist::Site::here(workspace)?;
        let example = |example| site.build_example(dist::WEBHOOK, example);
        Ok(Self {
            constant: example("constant-answer")?,
            load: example("review-load")?,
            webhook: dist::place(workspace, &site, dist::WEBHOOK)?.1,
            cluster: cluster.path("service-accounts")?.to_owned(),
        })
    }
}

/// A review's size, and what ours may cost of it.
struct Size {
    containers: usize,
    cost: &'static str,
    reviews: u32,
    share: Option<Share>,
}

/// How many reviews ours has to answer in the time in which the constant server answers one.
struct Share {
    what: &'static str,
    must: f64,
    aim: f64,
}

/// The size that memory is measured with as well.
const USUAL: Size = Size {
    containers: 3,
    cost: "CPU of a review of 10.7 KB",
    reviews: 4_000,
    share: Some(Share {
        what: "share of the constant server, 10.7 KB",
        must: 0.6,
        aim: 0.85,
    }),
};

const SMALL: Size = Size {
    containers: 1,
    cost: "CPU of a review of 6 KB",
    reviews: 4_000,
    share: None,
};

const LARGE: Size = Size {
    containers: 10,
    cost: "CPU of a review of 30 KB",
    reviews: 1_500,
    share: None,
};

const HUGE: Size = Size {
    containers: 50,
    cost: "CPU of a review of 136 KB",
    reviews: 500,
    share: Some(Share {
        what: "share of the constant server, 136 KB",
        must: 0.4,
        aim: 0.6,
    }),
};

/// Who is measured, and where.
struct Bench<'a> {
    programs: Programs,
    site: Site<'a>,
    few: Cluster,
    many: Cluster,
    load: Load,
    beside: &'a [Contender],
    growth: u32,
}

impl Bench<'_> {
    /// The table, and our share at the usual size.
    fn measure(&self) -> anyhow::Result<(Table, f64)> {
        let mut ours = self.start(&self.ours(), &self.few)?;
        let start = |contender| self.start(contender, &self.few);
        let mut beside: Vec<_> = self.beside.iter().map(start).collect::<Result<_, _>>()?;
        let (mut rows, share) = self.usual(&mut ours, &mut beside)?;
        for size in [SMALL, LARGE, HUGE] {
            let costs = self.costs(&size, &mut ours, &mut beside, None)?;
            rows.extend(size.rows(&costs));
        }
        rows.push(self.bursts(&ours, &beside)?);
        let what = "RSS after all of this";
        rows.push(resident(what, None, &mut ours, &mut beside)?);
        rows.push(self.growth()?);
        let mut names = vec![self.ours().name, "constant answer".to_owned()];
        names.extend(self.beside.iter().map(|it| it.name.clone()));
        for row in &mut rows {
            row.measured.resize(names.len(), None);
        }
        Ok((Table { names, rows }, share))
    }

    /// Reviews of the usual size, with few ServiceAccounts and with many.
    fn usual(&self, ours: &mut Running, beside: &mut [Running]) -> anyhow::Result<(Vec<Row>, f64)> {
        let mut many = self.start(&self.ours(), &self.many)?;
        let mut costs = self.costs(&USUAL, ours, beside, Some(&mut many))?;
        let with_many = costs.remove(MANY_TURN);
        let mut rows = USUAL.rows(&costs);
        let times = ratio(&with_many, &costs[OURS_TURN]);
        let what = "CPU of a review with 100,000 against 1,000 ServiceAccounts";
        rows.push(Row {
            must: Some(1.1),
            aim: Some(1.0),
            ..row(what, "times", vec![Some(times)])
        });
        let what = "RSS with 1,000 ServiceAccounts, after reviews of 10.7 KB";
        rows.push(resident(what, Some(11.0), ours, beside)?);
        let what = "RSS with 100,000";
        rows.push(resident(what, Some(12.0), &mut many, &mut [])?);
        let share = ratio(&costs[CONSTANT_TURN], &costs[OURS_TURN]);
        Ok((rows, share.value))
    }

    /// What a review of this size costs each in each round: [`OURS_TURN`], [`CONSTANT_TURN`], then the webhook that
    /// knows many ServiceAccounts, where it takes part, then the others.
    fn costs(
        &self,
        size: &Size,
        ours: &mut Running,
        beside: &mut [Running],
        many: Option<&mut Running>,
    ) -> anyhow::Result<Vec<Vec<f64>>> {
        let review = review(size.containers);
        let body = self.site.write("review.json", &review.to_string())?;
        let mut constant = self.constant(&ours.answer(&review)?, &review)?;
        let mut all = vec![ours, &mut constant];
        all.extend(many);
        all.extend(beside);
        let volume = Volume::steady(size.reviews);
        in_turns(ROUNDS, all.len(), |turn| {
            self.load.cost(all[turn], &body, volume)
        })
    }

    /// How long the slowest of many reviews takes that come at once.
    fn bursts(&self, ours: &Running, beside: &[Running]) -> anyhow::Result<Row> {
        let review = review(USUAL.containers);
        let body = self.site.write("review.json", &review.to_string())?;
        let all: Vec<_> = std::iter::once(ours).chain(beside).collect();
        let slowest = in_turns(BURSTS, all.len(), |turn| {
            self.load.send(all[turn], &body, Volume::burst(BURST))
        })?;
        let mut measured: Vec<_> = slowest.iter().map(|times| Some(figure(times))).collect();
        measured.insert(CONSTANT_TURN, None);
        Ok(Row {
            aim: Some(100.0),
            ..row("slowest of 300 reviews at once", "ms", measured)
        })
    }

    /// How much more memory a webhook has after many reviews than after some.
    fn growth(&self) -> anyhow::Result<Row> {
        let mut ours = self.start(&self.ours(), &self.few)?;
        let review = review(USUAL.containers);
        let body = self.site.write("review.json", &review.to_string())?;
        let send = |to: &Running, count| self.load.send(to, &body, Volume::steady(count));
        send(&ours, FIRST)?;
        let before = ours.resident()?;
        send(&ours, self.growth - FIRST)?;
        let times = ours.resident()? / before;
        let what = match self.growth {
            WHOLE => "RSS after 1,000,000 reviews against after 10,000",
            _ => "RSS after 100,000 reviews against after 10,000",
        };
        Ok(Row {
            must: Some(1.05),
            ..row(what, "times", vec![Some(times.into())])
        })
    }

    fn ours(&self) -> Contender {
        Contender::ours(dist::WEBHOOK.0, &self.programs.webhook)
    }

    fn start(&self, contender: &Contender, cluster: &Cluster) -> anyhow::Result<Running> {
        let usual = review(USUAL.containers);
        contender.start(&self.site, &cluster.kubeconfig, &usual)
    }

    /// A server that gives this answer to every review.
    fn constant(&self, answer: &Value, review: &Value) -> anyhow::Result<Running> {
        let file = self.site.write("answer.json", &answer.to_string())?;
        let places = ["127.0.0.1:{port}", "{certificate}", "{key}"];
        let mut arguments = places.map(str::to_owned).to_vec();
        arguments.push(file.to_string_lossy().into_owned());
        let constant = Contender::with("constant-answer", &self.programs.constant, arguments);
        constant.start(&self.site, &self.few.kubeconfig, review)
    }
}

impl Size {
    /// The rows of what was measured, by [`OURS_TURN`], [`CONSTANT_TURN`] and the others.
    fn rows(&self, costs: &[Vec<f64>]) -> Vec<Row> {
        let shown = costs.iter().map(|costs| Some(figure(costs)));
        let mut rows = vec![row(self.cost, "µs", shown.collect())];
        if let Some(Share { what, must, aim }) = self.share {
            let constant = &costs[CONSTANT_TURN];
            let shares = costs.iter().map(|costs| Some(ratio(constant, costs)));
            rows.push(Row {
                better: Better::More,
                must: Some(must),
                aim: Some(aim),
                ..row(what, "of 1", shares.collect())
            });
        }
        rows
    }
}

/// A row that is judged by nothing.
fn row(what: &'static str, unit: &'static str, measured: Vec<Option<Figure>>) -> Row {
    Row {
        what,
        unit,
        better: Better::Less,
        must: None,
        aim: None,
        decides: true,
        measured,
    }
}

/// What servers have in memory; the constant one is not asked.
fn resident(
    what: &'static str,
    must: Option<f64>,
    ours: &mut Running,
    beside: &mut [Running],
) -> anyhow::Result<Row> {
    let mut measured = vec![Some(ours.resident()?.into()), None];
    for other in beside {
        measured.push(Some(other.resident()?.into()));
    }
    Ok(Row {
        must,
        ..row(what, "MiB", measured)
    })
}
