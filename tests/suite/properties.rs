//! Properties: promises that hold for every input.

mod batches;
mod generators;
mod packing;
