//! Divides the resources of the server (connections, bytes of memory) among clients.
//!
//! A client gets more only while it leaves at least as much free for others as it has. A single client therefore gets
//! half, and each of several greedy clients gets as much as remains free. A client that arrives later always finds
//! something left, however many connections another client opens. Requests never wait for a share. If a share is not
//! available, the request is refused, so a deadlock is impossible. This is the dynamic threshold of Choudhury and
//! Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Client that a request counts against: an IPv4 address, or an IPv6 network (/64), because one IPv6 user has more
/// addresses than can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(IpAddr);

impl Client {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Ipv6Addr::from_bits(network).into()
            }
            address => address,
        })
    }
}

/// Amount of a resource that is divided among clients.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    held: HashMap<Client, usize>,
}

/// Part of a budget, which is returned when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    client: Client,
    /// Changed only while the budget is locked.
    amount: Mutex<usize>,
}

impl Budget {
    pub(crate) fn new(amount: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: amount, held: HashMap::new() })))
    }

    /// Takes a share. Returns `None` if the amount is not free, or if the client already has a share and would then
    /// have more than remains free.
    pub(crate) fn take(self: &Arc<Self>, client: Client, amount: usize) -> Option<Share> {
        let share = Share { budget: self.clone(), client, amount: Mutex::new(0) };
        share.grow(amount).then_some(share)
    }

    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.lock().free
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Adds `more` to the share. Returns false and takes nothing if that amount is not free, or if the client already
    /// has a share and would then have more than remains free.
    pub(crate) fn grow(&self, more: usize) -> bool {
        let mut state = self.budget.lock();
        let State { free, held } = &mut *state;
        let Some(left) = free.checked_sub(more) else { return false };
        let has = held.get(&self.client).copied().unwrap_or(0);
        if has > 0 && has + more > left {
            return false;
        }
        *free = left;
        if more > 0 {
            held.insert(self.client, has + more);
        }
        *self.amount() += more;
        true
    }

    /// Returns everything above `amount` to the budget.
    pub(crate) fn shrink_to(&self, amount: usize) {
        let mut state = self.budget.lock();
        let mut now = self.amount();
        let back = now.saturating_sub(amount);
        *now -= back;
        state.free += back;
        if let Some(has) = state.held.get_mut(&self.client) {
            *has -= back;
            if *has == 0 {
                state.held.remove(&self.client);
            }
        }
    }

    fn amount(&self) -> MutexGuard<'_, usize> {
        self.amount.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// Bytes with their share of memory, which is returned once the bytes are dropped.
pub(crate) struct WithShare<T> {
    pub(crate) bytes: T,
    pub(crate) _share: Arc<Share>,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for WithShare<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(number: u8) -> Client {
        Client::of([10, 0, 0, number].into())
    }

    #[test]
    fn small_shares_add_up_to_half_of_what_others_leave() {
        let budget = Budget::new(1_000);
        let mut shares = vec![];
        for (number, expected) in [(0, 500), (1, 250), (2, 125)] {
            let mut has = 0;
            while let Some(share) = budget.take(client(number), 1) {
                shares.push(share);
                has += 1;
            }
            assert_eq!(has, expected);
        }
        drop(shares);
        assert!(budget.take(client(3), 1_000).is_some(), "everything was given back");
    }

    #[test]
    fn addresses_in_one_ipv6_network_are_one_client() {
        let of = |address: &str| Client::of(address.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }

    proptest! {
        #[test]
        fn held_and_free_amounts_always_sum_to_the_total(
            steps in prop::collection::vec((0u8..4, 0usize..400, 0usize..3), 0..60),
        ) {
            let budget = Budget::new(1_000);
            let mut shares: Vec<Share> = vec![];
            for (number, amount, step) in steps {
                match (step, shares.pop()) {
                    (0, share) => {
                        shares.extend(share);
                        shares.extend(budget.take(client(number), amount));
                    }
                    (1, Some(share)) => {
                        share.grow(amount);
                        shares.insert(0, share);
                    }
                    (_, Some(share)) if amount > 50 => {
                        share.shrink_to(amount);
                        shares.insert(0, share);
                    }
                    _ => {}
                }
                let held: usize = shares.iter().map(|share| *share.amount()).sum();
                let state = budget.lock();
                prop_assert_eq!(held + state.free, 1_000);
                prop_assert_eq!(held, state.held.values().sum::<usize>());
            }
        }
    }
}
