//! In which order the targets of a server are tried (RFC 2782, RFC 3263 4.3).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::{Rng, RngExt};

use super::search::Way;

/// One host that takes SIP for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The lowest is tried first.
    pub rank: u32,
    /// The share among equal ranks.
    pub weight: u16,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its addresses, in the order in which they are tried.
    pub addresses: Vec<IpAddr>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Its hosts, by rank; each has an address.
    pub targets: Vec<Target>,
    /// What led to them.
    pub way: Way,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where the server is.
    pub location: Location,
    /// How long that may be used without asking again.
    pub lives: Duration,
}

impl Location {
    /// A server whose address is written in the settings.
    #[must_use]
    pub fn literal(address: SocketAddr) -> Self {
        let target = Target {
            rank: 0,
            weight: 0,
            host: address.ip().to_string(),
            port: address.port(),
            addresses: vec![address.ip()],
        };
        Self { targets: vec![target], way: Way::Literal }
    }

    /// Every address once, in the order of the records: for whoever asks whether one belongs to it.
    pub fn all(&self) -> Vec<SocketAddr> {
        distinct(self.targets.iter())
    }

    /// The addresses in the order in which one call tries them: by rank, and within a rank by lot,
    /// each target with the chance that its weight gives it.
    pub fn draw(&self, random: &mut impl Rng) -> Vec<SocketAddr> {
        let mut order: Vec<&Target> = Vec::with_capacity(self.targets.len());
        let mut ranks: Vec<u32> = self.targets.iter().map(|target| target.rank).collect();
        ranks.sort_unstable();
        ranks.dedup();
        for rank in ranks {
            let mut left: Vec<&Target> = self.targets.iter().filter(|target| target.rank == rank).collect();
            // Those without a weight come first in the list, so that they have a very small chance.
            left.sort_by_key(|target| target.weight != 0);
            while !left.is_empty() {
                order.push(left.remove(lot(&left, random)));
            }
        }
        distinct(order.into_iter())
    }
}

/// The place of the target that the lot falls on.
fn lot(targets: &[&Target], random: &mut impl Rng) -> usize {
    let sum: u32 = targets.iter().map(|target| u32::from(target.weight)).sum();
    let drawn = random.random_range(0..=sum);
    let mut running = 0;
    let chosen = targets.iter().position(|target| {
        running += u32::from(target.weight);
        running >= drawn
    });
    chosen.unwrap_or(0)
}

fn distinct<'a>(targets: impl Iterator<Item = &'a Target>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for target in targets {
        for address in &target.addresses {
            let address = SocketAddr::new(*address, target.port);
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn location(targets: &[(u32, u16, &str)]) -> Location {
        let target = |(rank, weight, address): &(u32, u16, &str)| Target {
            rank: *rank,
            weight: *weight,
            host: (*address).to_owned(),
            port: 5060,
            addresses: vec![address.parse().unwrap()],
        };
        let targets = targets.iter().map(target).collect();
        Location { targets, way: Way::Srv }
    }

    fn first(location: &Location, random: &mut StdRng) -> String {
        location.draw(random)[0].ip().to_string()
    }

    #[test]
    fn a_lower_rank_always_comes_first_and_every_address_comes_once() {
        let location = location(&[(0, 1, "10.0.0.1"), (0, 1, "10.0.0.2"), (1, 60_000, "10.0.0.3")]);
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..1000 {
            let mut drawn: Vec<_> =
                location.draw(&mut random).iter().map(|address| address.ip().to_string()).collect();
            assert_eq!(drawn.pop().as_deref(), Some("10.0.0.3"));
            drawn.sort();
            assert_eq!(drawn, ["10.0.0.1", "10.0.0.2"]);
        }
    }

    #[test]
    fn within_a_rank_each_is_first_as_often_as_its_weight_says() {
        let location = location(&[(0, 60, "10.0.0.1"), (0, 30, "10.0.0.2"), (0, 10, "10.0.0.3")]);
        let mut random = StdRng::seed_from_u64(7);
        let mut counts = [0_u32; 3];
        for _ in 0..10_000 {
            let place = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
            let drawn = first(&location, &mut random);
            counts[place.iter().position(|address| *address == drawn).unwrap()] += 1;
        }
        for (count, share) in counts.into_iter().zip([6000, 3000, 1000]) {
            assert!(count.abs_diff(share) < 300, "{counts:?}");
        }
    }

    #[test]
    fn a_target_without_weight_is_almost_never_first_beside_one_with_weight() {
        let location = location(&[(0, 100, "10.0.0.1"), (0, 0, "10.0.0.2")]);
        let mut random = StdRng::seed_from_u64(3);
        let light = (0..10_000).filter(|_| first(&location, &mut random) == "10.0.0.2").count();
        assert!((1..300).contains(&light), "{light}");
    }

    #[test]
    fn an_address_behind_two_names_is_tried_once() {
        let location = location(&[(0, 1, "10.0.0.1"), (1, 1, "10.0.0.1"), (2, 1, "10.0.0.2")]);
        assert_eq!(location.draw(&mut StdRng::seed_from_u64(1)).len(), 2);
        assert_eq!(location.all().len(), 2);
    }
}
