//! A queue that serves clients fairly: the client that has been served least comes next, in whatever order items
//! arrive.
//!
//! Each client has its own queue and a virtual time up to which it has been served. Each item advances that time by its
//! cost. The client with the earliest time is served next, and a new client starts at the time of the item in service.
//! Clients that always have items waiting therefore get equal service. A client that sends little waits for at most one
//! item of every other client. This is start-time fair queueing (Goyal, Vin and Cheng, 1996).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::shares::Client;

/// Receiving side of a queue.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// Sending side of a queue. Once it is dropped, receivers get the remaining items and then empty batches.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<FairQueue<T>>);

#[derive(Debug)]
struct State<T> {
    clients: HashMap<Client, Waiting<T>>,
    /// Virtual time of the item in service.
    now: u64,
    /// Number of items received so far.
    arrived: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<Item<T>>,
    /// Virtual time up to which the client has been served.
    served: u64,
}

#[derive(Debug)]
struct Item<T> {
    cost: u64,
    /// Arrival number, which breaks ties between clients with equal times.
    arrival: u64,
    content: T,
}

/// Creates a queue and returns both of its sides.
pub(crate) fn queue<T>() -> (Sender<T>, Arc<FairQueue<T>>) {
    let state = State { clients: HashMap::new(), now: 0, arrived: 0, is_closed: false };
    let queue = Arc::new(FairQueue { state: Mutex::new(state), changed: Condvar::new() });
    (Sender(queue.clone()), queue)
}

impl<T> Sender<T> {
    /// Adds an item that costs its client `cost`.
    pub(crate) fn send(&self, client: Client, cost: u64, content: T) {
        let mut state = self.0.lock();
        let (now, arrival) = (state.now, state.arrived);
        state.arrived += 1;
        let waiting = state.clients.entry(client);
        let waiting = waiting.or_insert(Waiting { items: VecDeque::new(), served: now });
        if waiting.items.is_empty() {
            waiting.served = waiting.served.max(now);
        }
        waiting.items.push_back(Item { cost, arrival, content });
        self.0.changed.notify_one();
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl<T> FairQueue<T> {
    /// Waits for items and takes up to `most` of them. Returns an empty vector once the sender is dropped and the queue
    /// is empty.
    pub(crate) fn take(&self, most: usize) -> Vec<T> {
        let mut state = self.lock();
        loop {
            let taken: Vec<T> = std::iter::from_fn(|| state.next()).take(most).collect();
            if !taken.is_empty() || state.is_closed {
                return taken;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn next(&mut self) -> Option<T> {
        let waiting = self.clients.values_mut().filter(|waiting| !waiting.items.is_empty());
        let first = waiting.min_by_key(|waiting| (waiting.served, waiting.items[0].arrival))?;
        let item = first.items.pop_front()?;
        self.now = first.served;
        first.served += item.cost;
        if self.clients.values().all(|waiting| waiting.items.is_empty()) {
            // No items are waiting, so all clients start again from the same time.
            self.now =
                self.clients.values().map(|waiting| waiting.served).max().unwrap_or(self.now);
            self.clients.clear();
        } else {
            // Remember a client without items only while its time is ahead of the current one.
            let now = self.now;
            self.clients.retain(|_, waiting| !waiting.items.is_empty() || waiting.served > now);
        }
        Some(item.content)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn client(number: u8) -> Client {
        Client::of([10, 0, 0, number].into())
    }

    #[test]
    fn flooding_client_does_not_delay_a_light_one() {
        let (sender, queue) = queue();
        for number in 0..1_000 {
            sender.send(client(1), 1, (1, number));
        }
        assert_eq!(queue.take(10), (0..10).map(|number| (1, number)).collect::<Vec<_>>());
        sender.send(client(2), 1, (2, 0));
        assert!(queue.take(2).contains(&(2, 0)));
        for number in 1..5 {
            sender.send(client(2), 1, (2, number));
        }
        let taken = queue.take(10);
        assert_eq!(taken.iter().filter(|item| item.0 == 2).count(), 4);
    }

    #[test]
    fn clients_get_equal_total_cost() {
        let (sender, queue) = queue();
        for _ in 0..100 {
            sender.send(client(1), 10, 10);
            (0..10).for_each(|_| sender.send(client(2), 1, 1));
        }
        let taken = queue.take(110);
        let cost_of = |cost| taken.iter().filter(|item| **item == cost).sum::<u64>();
        assert!(cost_of(10).abs_diff(cost_of(1)) <= 10, "{} and {}", cost_of(10), cost_of(1));
    }

    #[test]
    fn idle_client_accumulates_no_credit() {
        let (sender, queue) = queue();
        sender.send(client(2), 1, 2);
        assert_eq!(queue.take(1), [2]);
        (0..50).for_each(|_| sender.send(client(1), 1, 1));
        assert_eq!(queue.take(40), [1; 40]);
        (0..50).for_each(|_| sender.send(client(2), 1, 2));
        let taken = queue.take(20);
        assert!((9..=11).contains(&taken.iter().filter(|item| **item == 2).count()), "{taken:?}");
    }

    #[test]
    fn clients_are_forgotten_once_the_queue_is_empty() {
        let (sender, queue) = queue();
        for number in 0..10_000u32 {
            sender.send(Client::of(number.to_be_bytes().into()), 1, number);
            assert_eq!(queue.take(1), [number]);
        }
        assert_eq!(queue.lock().clients.len(), 0);
        // Service before the queue became empty no longer counts.
        sender.send(client(1), 1, 1);
        sender.send(client(2), 1, 2);
        assert_eq!(queue.take(2), [1, 2]);
    }

    #[test]
    fn take_wakes_on_an_item_and_when_the_sender_is_dropped() {
        let (sender, queue) = queue();
        let waiting = thread::spawn(move || [queue.take(5), queue.take(5)]);
        sender.send(client(1), 1, 7);
        drop(sender);
        assert_eq!(waiting.join().expect("no panic"), [vec![7], vec![]]);
    }
}
