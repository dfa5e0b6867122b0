//! What does one request cost that has nobody to share with?
//!
//! Most of a round trip is the wake-up of a sleeping thread, and what that
//! costs depends on whether it sleeps on the same processor. Left to itself the
//! scheduler decides anew for each process, so it is also told.

use super::peers::{Peer, Storage};
use super::report::{Figure, Table, Verdicts};
use super::rivals::Rival;
use super::{Effort, driver, frames, process};

/// Where the driver and its peer run.
#[derive(Clone, Copy)]
enum Placement {
    Anywhere,
    OneProcessor,
    TwoProcessors,
}

impl Placement {
    fn name(self) -> &'static str {
        match self {
            Placement::Anywhere => "anywhere",
            Placement::OneProcessor => "on one processor",
            Placement::TwoProcessors => "on two processors",
        }
    }

    /// The driver's and the peer's.
    fn processors(self) -> (Option<usize>, Option<usize>) {
        match self {
            Placement::Anywhere => (None, None),
            Placement::OneProcessor => (Some(0), Some(0)),
            Placement::TwoProcessors => (Some(0), Some(1)),
        }
    }
}

pub fn measure(effort: &Effort, verdicts: &mut Verdicts) {
    for placement in [
        Placement::OneProcessor,
        Placement::TwoProcessors,
        Placement::Anywhere,
    ] {
        let table = round_trips(effort, placement);
        table.print();
        for storage in [Storage::Memory, Storage::Disk] {
            let peer = Peer::Broker(storage);
            verdicts.at_most(
                &format!(
                    "round trip, {storage}, {}: p50, of the echo's",
                    placement.name()
                ),
                1.15,
                &table,
                &format!("{peer}: p50, of the echo's"),
            );
        }
    }
}

fn round_trips(effort: &Effort, placement: Placement) -> Table {
    let frame = frames::produce(100, 100);
    let mut table = Table::new(&format!(
        "round trip of one 100 B record, one in flight, {}, microseconds",
        placement.name()
    ));
    let mut peers = vec![
        Peer::Echo,
        Peer::Broker(Storage::Memory),
        Peer::Broker(Storage::Disk),
    ];
    if let Placement::Anywhere = placement {
        peers.extend(Rival::present().into_iter().map(Peer::Rival));
    }
    let (driver_on, peer_on) = placement.processors();
    for _ in 0..effort.rounds {
        let mut echo_p50 = 0.0;
        for &peer in &peers {
            let running = peer.start_on(peer_on);
            if let Some(processor) = driver_on {
                process::stay_on(processor);
            }
            let times = driver::round_trips(running.address(), &frame, effort.round_trips);
            process::run_anywhere();
            let figure = Figure::of(&times);
            table.add(&format!("{peer}: p50"), figure.percentile(50.0));
            table.add(&format!("{peer}: p99"), figure.percentile(99.0));
            if peer == Peer::Echo {
                echo_p50 = figure.percentile(50.0);
            } else {
                let ratio = figure.percentile(50.0) / echo_p50;
                table.add(&format!("{peer}: p50, of the echo's"), ratio);
            }
        }
    }
    table
}
