//! What is ordered: bodies of orders, written without a serialiser.

use std::io::Write;

use rand::RngExt;
use rand::rngs::SmallRng;

/// The shape of every order of a load. Items are named by [`item_id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basket {
    /// One line of `1..=quantity_max` of one of `items` items.
    OneLine {
        /// Items to choose from, from 1. One item is a flash sale.
        items: u32,
        /// Units of the line at most.
        quantity_max: u32,
    },
    /// `lines` lines of one unit, of items that are all different.
    Lines {
        /// Items to choose from, at least `lines`.
        items: u32,
        /// Lines per order.
        lines: u32,
    },
}

/// The name of item number `number`, from 0.
pub fn item_id(number: u32) -> String {
    format!("item-{number:05}")
}

impl Basket {
    /// How many items must be in stock.
    pub fn items(&self) -> u32 {
        match *self {
            Self::OneLine { items, .. } | Self::Lines { items, .. } => items,
        }
    }

    /// Lines of each order.
    pub fn lines(&self) -> u32 {
        match *self {
            Self::OneLine { .. } => 1,
            Self::Lines { lines, .. } => lines,
        }
    }

    /// Appends the body of one order.
    pub(super) fn write(&self, random: &mut SmallRng, body: &mut Vec<u8>) {
        let written = match *self {
            Self::OneLine { items, quantity_max } => {
                let item = random.random_range(0..items.max(1));
                let quantity = random.random_range(1..=quantity_max.max(1));
                write!(body, r#"{{"item_id":"item-{item:05}","quantity":{quantity}}}"#)
            }
            Self::Lines { items, lines } => write_lines(random, items, lines, body),
        };
        written.expect("a Vec takes what is written");
    }
}

/// Different items: a random start, then strides that cannot meet.
fn write_lines(
    random: &mut SmallRng,
    items: u32,
    lines: u32,
    body: &mut Vec<u8>,
) -> std::io::Result<()> {
    let stride = (items / lines.max(1)).max(1);
    let start = random.random_range(0..items.max(1));
    body.extend_from_slice(br#"{"lines":["#);
    for line in 0..lines {
        let item = (start + line * stride + random.random_range(0..stride)) % items.max(1);
        let comma = if line == 0 { "" } else { "," };
        write!(body, r#"{comma}{{"item_id":"item-{item:05}","quantity":1}}"#)?;
    }
    body.extend_from_slice(b"]}");
    Ok(())
}
