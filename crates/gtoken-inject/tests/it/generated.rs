//! The worlds of the promises, as strategies.

use proptest::prelude::*;
use serde_json::Value;

use crate::corpus::choices::Choices;
use crate::corpus::world::World;

/// A pod, its ServiceAccount, the operator's settings and a Kubernetes.
pub(crate) fn any_world() -> impl Strategy<Value = World> {
    // Few worlds take more choices.
    any_bytes(600).prop_map(|bytes| World::new(&bytes))
}

/// Any JSON, as some later Kubernetes may send it.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    any_bytes(60).prop_map(|bytes| Choices::new(&bytes).json(3))
}

/// Bytes that are made simpler by being cut, as the choices are that they stand for.
fn any_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>().no_shrink(), 0..most).prop_map(|(seed, length)| bytes(seed, length))
}

/// The bytes of a seed (`SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).to_le_bytes()
    });
    words.flatten().take(length).collect()
}
